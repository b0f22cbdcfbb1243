"""Masks of dropout."""

from math import prod

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.models.model import Model


def dropout_masks(
    network: Model, keys: Tensor, rate: float, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """Masks of inverted dropout: 0 with probability `rate`, else 1 / (1 - rate).

    The uniform draws depend on the keys alone, so what is dropped at a rate is also dropped at
    every higher one.

    Args:
        keys: int64 [...].
        rate: in [0, 1).
        dtype: of the masks.

    Returns:
        [..., *shape] for each dropout layer.
    """
    masks = []
    for site, shape in enumerate(network.dropout_shapes()):
        kept = rng.at_least(rng.derive(keys, site), prod(shape), rate)
        masks.append(kept.reshape(*keys.shape, *shape).to(dtype) * (1.0 / (1.0 - rate)))
    return tuple(masks)
