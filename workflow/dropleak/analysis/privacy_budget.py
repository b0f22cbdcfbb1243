"""Differential privacy of trainings whose gradients are clipped and noisy."""

import math
import warnings
from collections.abc import Mapping

ORDERS = [*(1 + 10 ** (n / 20) for n in range(-60, 20)), *range(12, 64), 128, 256, 512]
"""Of Rényi's divergence: as opacus's, and closer to 1, for little noise."""


def epsilon(multiplier: float, sample_rate: float, steps: int, delta: float) -> float:
    """The epsilon of (epsilon, delta)-differential privacy of a training by DP-SGD.

    By opacus's accountant of Rényi differential privacy (Mironov et al. 2019), as if each batch
    were drawn anew with the same probability for every image.

    Args:
        multiplier: standard deviation of the noise over the norm of clipping.
        sample_rate: share of the training images in a batch.
        steps: of the optimiser.
        delta: such as 1 / number of training images.
    """
    from opacus.accountants.analysis import rdp  # late: it imports torch

    if steps == 0:
        return 0.0
    if multiplier == 0:
        return math.inf
    divergences = rdp.compute_rdp(
        q=sample_rate, noise_multiplier=multiplier, steps=steps, orders=ORDERS
    )
    with warnings.catch_warnings():
        # That an order outside the range might give a smaller one: this one holds too.
        warnings.simplefilter("ignore", UserWarning)
        found, _ = rdp.get_privacy_spent(orders=ORDERS, rdp=divergences, delta=delta)
    return float(found)


def of_training(
    defence: Mapping[str, Mapping], images: int, batch_size: int, epochs: int
) -> tuple[float, float] | None:
    """Epsilon and delta of a training with a client's defence; None if that does not bound them.

    Args:
        defence: as in the client's settings.
        images: training images, one over whose number is delta.
        batch_size: images per step.
        epochs: of the training.
    """
    if "dp-sgd" not in defence:
        return None
    rate, steps, delta = min(1, batch_size / images), math.ceil(images / batch_size), 1 / images
    return epsilon(defence["dp-sgd"]["multiplier"], rate, epochs * steps, delta), delta
