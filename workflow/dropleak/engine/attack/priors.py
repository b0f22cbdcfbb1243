"""Priors of images and masks, independent of any gradient.

Each returns its value and its gradient, for B clients with n images each.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dropleak.engine.models.parameters import beside


def total_variation(images: Tensor, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Mean magnitude of the differences of neighbouring pixels, along rows plus along columns.

    The anisotropic form of Geiping et al. 2020 (section 4, and their code). With a smoothing s the
    magnitude of a difference d is sqrt(d^2 + s^2), which has a gradient at 0 as well (Vogel and
    Oman 1996).

    Args:
        images: [B, n, C, H, W].
        smoothing: s, in the unit of the pixels.

    Returns:
        value [B] and gradient, shaped as the images.
    """
    value, gradient = images.new_zeros(len(images)), torch.zeros_like(images)
    for axis in (-1, -2):
        difference = images.diff(dim=axis)
        magnitude = difference.hypot(difference.new_full((), smoothing))
        slope = (difference / magnitude).nan_to_num() / difference[0].numel()
        value = value + magnitude.flatten(1).mean(1)
        size = difference.shape[axis]
        gradient.narrow(axis, 1, size).add_(slope)
        gradient.narrow(axis, 0, size).sub_(slope)
    return value, gradient


def mask_rate(masks: Sequence[Tensor], rate: float) -> tuple[Tensor, list[Tensor]]:
    """Distance of the masks' share of dropped features from the dropout rate, summed over layers.

    The mask regulariser of DIA (Scheliga et al. 2022, section 4).

    Args:
        masks: [B, n, *shape] each, in [0, 1].
        rate: the clients' dropout rate.

    Returns:
        value [B] and gradients, shaped as the masks.
    """
    value, gradients = masks[0].new_zeros(len(masks[0])), []
    for mask in masks:
        excess = 1 - rate - mask.flatten(1).mean(1)
        value = value + excess.abs()
        slope = -excess.sign() / mask[0].numel()
        gradients.append(beside(slope, mask).expand_as(mask))
    return value, gradients
