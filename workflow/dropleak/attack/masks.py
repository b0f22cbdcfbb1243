"""How an attacker handles the client's dropout in its own forward pass.

Each policy takes what was shared and one key per problem, and returns a function from the count of
evaluations so far (int64 [B], one per problem) to a mask for each dropout layer ([B, *shape]).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from dropleak import rng
from dropleak.client import Update
from dropleak.models import dropout_masks

Masks = tuple[Tensor, ...]
MaskSource = Callable[[Tensor], Masks]


def _like_update(update: Update, masks: Masks) -> Masks:
    reference = next(iter(update.gradients.values()))
    return tuple(mask.to(reference) for mask in masks)


def ignore(update: Update, keys: Tensor) -> MaskSource:
    """No dropout: every feature passes, unscaled."""
    ones = tuple(
        torch.ones(len(update), *shape, device=keys.device)
        for shape in update.network.dropout_shapes()
    )
    masks = _like_update(update, ones)
    return lambda evaluations: masks


def fixed(update: Update, keys: Tensor) -> MaskSource:
    """One mask of the client's rate, drawn by the attacker and kept: a wrong guess."""
    guess = rng.derive(keys, rng.Stream.FIXED_MASK)
    masks = _like_update(update, dropout_masks(update.network, guess, update.rate))
    return lambda evaluations: masks


def resample(update: Update, keys: Tensor) -> MaskSource:
    """A fresh mask at every evaluation: what a network left in training mode does."""
    stream = rng.derive(keys, rng.Stream.RESAMPLED_MASK)

    def masks(evaluations: Tensor) -> Masks:
        fresh = rng.derive(stream, evaluations)
        return _like_update(update, dropout_masks(update.network, fresh, update.rate))

    return masks


POLICIES = {"resample": resample, "ignore": ignore, "fixed": fixed}
