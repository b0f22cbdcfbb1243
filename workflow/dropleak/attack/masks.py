"""How an attacker handles the client's dropout in its own forward pass.

Each policy takes what was shared and one key per problem, and returns a function from the count of
evaluations so far (int64 [B], one per problem) and a number K of evaluations to come. That gives a
mask for each dropout layer: [B, K, *shape], or [B, 1, *shape] if they are all the same.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from dropleak import rng
from dropleak.client import Update
from dropleak.models import dropout_masks

Masks = tuple[Tensor, ...]
MaskSource = Callable[[Tensor, int], Masks]


def ignore(update: Update, keys: Tensor) -> MaskSource:
    """No dropout: every feature passes, unscaled."""
    masks = tuple(
        torch.ones(len(update), 1, *shape, dtype=update.dtype, device=keys.device)
        for shape in update.network.dropout_shapes()
    )
    return lambda evaluations, count: masks


def fixed(update: Update, keys: Tensor) -> MaskSource:
    """One mask of the client's rate, drawn by the attacker and kept: a wrong guess."""
    guess = rng.derive(keys, rng.Stream.FIXED_MASK)
    drawn = dropout_masks(update.network, guess, update.rate, update.dtype)
    masks = tuple(mask[:, None] for mask in drawn)
    return lambda evaluations, count: masks


def resample(update: Update, keys: Tensor) -> MaskSource:
    """A fresh mask at every evaluation: what a network left in training mode does."""
    if update.rate == 0:
        return ignore(update, keys)  # nothing is dropped
    stream = rng.derive(keys, rng.Stream.RESAMPLED_MASK)

    def masks(evaluations: Tensor, count: int) -> Masks:
        coming = evaluations[:, None] + torch.arange(count, device=keys.device)
        fresh = rng.derive(stream.repeat_interleave(count), coming.flatten())
        drawn = dropout_masks(update.network, fresh, update.rate, update.dtype)
        return tuple(mask.unflatten(0, (-1, count)) for mask in drawn)

    return masks


POLICIES = {"resample": resample, "ignore": ignore, "fixed": fixed}
