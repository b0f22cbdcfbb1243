"""The problems of the benchmarks; needs only torch and numpy."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.client.update import Private, Update, compute_update
from dropleak.engine.models.zoo import lenet

IMAGES = Path(__file__).with_name("images.npz")
"""Written by images.py: for each data set pixels, uint8 [N, C, H, W], and labels, integers [N]; and
the settings of the built-in attackers by name, as JSON."""


def _load() -> np.lib.npyio.NpzFile:
    if not IMAGES.exists():
        sys.exit(f"{IMAGES} is missing: benchmarks/images.py writes it (see benchmarks/README.md)")
    return np.load(IMAGES)


def data_sets() -> list[str]:
    """The data sets with images, photographs first."""
    with _load() as arrays:
        return [name for name in ("photographs", "digits") if f"{name}_labels" in arrays]


def attackers() -> dict[str, Attacker]:
    """The built-in attackers, by name."""
    with _load() as arrays:
        presets = json.loads(str(arrays["attackers"]))
    return {name: Attacker(**preset) for name, preset in presets.items()}


def images(data_set: str) -> tuple[Tensor, Tensor]:
    """Pixels in [0, 1], float32 [N, C, H, W], and labels, integers [N]."""
    with _load() as arrays:
        pixels, labels = arrays[f"{data_set}_pixels"], arrays[f"{data_set}_labels"]
    return torch.from_numpy(pixels).float() / 255, torch.from_numpy(labels).long()


def problems(
    data_set: str,
    first: int,
    count: int,
    rate: float = 0.0,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[Update, Tensor, Private]:
    """Clients with different networks; images are repeated if there are too few.

    Returns:
        the clients' shared updates; the attackers' keys, int64 [count, 1]; the private parts.
    """
    pixels, labels = images(data_set)
    indices = torch.arange(first, first + count)
    rows = indices % len(labels)
    keys = rng.image_keys(0, indices)[:, None]
    network = lenet(tuple(pixels.shape[1:]), 10)
    clients = pixels[rows, None].to(device), labels[rows, None].to(device)
    like = torch.empty(0, dtype=dtype, device=device)
    update, private = compute_update(network, *clients, keys, rate, like)
    return update, rng.attacker_keys(keys).to(device), private
