"""What an attacker does about noise whose deviation it knows: maximum a posteriori estimation.

With independent normal noise of deviation s on every entry, and images x whose neighbouring pixels
differ by d with density exp(-|d| / b) / (2 b), minus twice the logarithm of the posterior is

    |g(x) - g|^2 / s^2 + (2 / b) (sum of |d|) + constant,

with the shared gradient g. So gradients are weighted by 1 / s, and total variation by 2 / b, times
the number of pixels as it is the mean of |d|.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from dropleak.engine.attack.attacker import Attacker

if TYPE_CHECKING:
    from dropleak.engine.client.update import Update

NEIGHBOURS = 0.06
"""b, the mean absolute difference of neighbouring pixels, as in photographs of 32 x 32."""


def denoising(attacker: Attacker, update: Update) -> Attacker:
    """The settings with the prior above, for gradients that are weighted by 1 / s."""
    pixels = update.images_per_update * prod(update.network.input_shape)
    return replace(attacker, normalise=False, total_variation=2 * pixels / NEIGHBOURS, stages=1)
