"""Clients and gradient matching problems on digits, in float64; where they can be attacked."""

import os
import shutil

import pytest
import torch

from dropleak import rng, tables
from dropleak.client import share
from dropleak.models import lenet

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
COMPILER = pytest.mark.skipif(
    not shutil.which(os.environ.get("CC", "cc").split()[0]), reason="there is no C compiler"
)


def clients(digits, indices, rate, seed=0, device="cpu"):
    """Update and private part of the clients of some digits, and their attackers' keys."""
    images = digits["test"].take(indices)
    pixels = torch.from_numpy(tables.decode_pixels(images["pixels"], (1, 32, 32)) / 255)
    labels = torch.tensor(images["label"].to_pylist())
    keys = rng.image_keys(seed, torch.tensor(indices))
    network = lenet((1, 32, 32), 10)
    update, private = share(network, pixels.to(device), labels.to(device), keys, rate)
    return update, private, rng.derive(keys, rng.Stream.ATTACKER)
