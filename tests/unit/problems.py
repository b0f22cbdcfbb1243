"""Clients and gradient matching problems on digits, in float64; where they can be attacked."""

import os
import shutil
from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import Tensor
from torch.func import grad
from torch.nn import functional as F

from dropleak import rng, tables
from dropleak.client import share
from dropleak.models import Network, lenet

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
COMPILER = pytest.mark.skipif(
    not shutil.which(os.environ.get("CC", "cc").split()[0]), reason="there is no C compiler"
)


def clients(digits, indices, rate, seed=0, device="cpu", network=None, images=1):
    """Update and private part of the clients of some digits, and their attackers' keys."""
    rows = digits["test"].take(indices)
    pixels = torch.from_numpy(tables.decode_pixels(rows["pixels"], (1, 32, 32)) / 255)
    labels = torch.tensor(rows["label"].to_pylist())
    keys = rng.image_keys(seed, torch.tensor(indices))
    network = network or lenet((1, 32, 32), 10)
    update, private = share(network, pixels.to(device), labels.to(device), keys, rate, images)
    return update, private, rng.attacker_keys(keys)


def loss_gradients(
    network: Network,
    parameters: Mapping[str, Tensor],
    image: Tensor,
    label: Tensor,
    masks: Sequence[Tensor],
) -> dict[str, Tensor]:
    """Gradients of one image's cross-entropy with respect to the parameters, by autograd.

    Args:
        parameters: tensors shaped as `network.parameter_shapes` says, without a batch.
        image: [C, H, W].
        label: int64 scalar.
        masks: one per dropout layer, without a batch.
    """

    def loss(parameters: Mapping[str, Tensor]) -> Tensor:
        return F.cross_entropy(network.forward(parameters, image, masks), label)

    return grad(loss)(dict(parameters))
