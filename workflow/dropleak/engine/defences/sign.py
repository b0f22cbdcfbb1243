"""The signs of the gradient's entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.defences.defence import Defence, Findings, Gradients
from dropleak.engine.defences.denoising import denoising
from dropleak.engine.models.parameters import beside

if TYPE_CHECKING:
    from dropleak.engine.client.update import Update

SOFTNESS = 0.1
"""Where the relaxed sign bends, relative to the root mean square of a parameter's gradient."""


@dataclass(frozen=True)
class Sign(Defence):
    """-1, 0 or 1 in place of every entry: signSGD (Bernstein et al. 2018).

    An attacker matches a smooth version of its dummy gradient's signs, and takes what is left for
    normal noise of deviation 1, see `denoising`.
    """

    is_expected = True

    def defend(self, findings: Findings, keys: Tensor) -> Gradients:
        return {name: gradient.sign() for name, gradient in findings.gradients().items()}

    def adapt(self, attacker: Attacker, update: Update) -> Attacker:
        return denoising(attacker, update)

    def expected(self, gradients: Gradients) -> Gradients:
        return {name: _smooth_sign(gradient) for name, gradient in gradients.items()}


def _smooth_sign(gradient: Tensor) -> Tensor:
    """g / sqrt(g^2 + s^2), with s in proportion to the root mean square."""
    square = gradient.square()
    mean = beside(square.flatten(1).mean(1), gradient)
    return gradient * (square + SOFTNESS**2 * mean).clamp(min=1e-30).rsqrt()
