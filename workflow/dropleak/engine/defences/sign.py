"""The signs of the gradient's entries."""

from dataclasses import dataclass

from torch import Tensor

from dropleak.engine.defences.defence import Defence, Findings, Gradients

SOFTNESS = 0.1
"""Where the relaxed sign bends, relative to the root mean square of a parameter's gradient."""


@dataclass(frozen=True)
class Sign(Defence):
    """-1, 0 or 1 in place of every entry: signSGD (Bernstein et al. 2018).

    An attacker matches a smooth version of its dummy gradient's signs.
    """

    is_expected = True

    def defend(self, findings: Findings, keys: Tensor) -> Gradients:
        return {name: gradient.sign() for name, gradient in findings.gradients().items()}

    def expected(self, gradients: Gradients) -> Gradients:
        return {name: _smooth_sign(gradient) for name, gradient in gradients.items()}


def _smooth_sign(gradient: Tensor) -> Tensor:
    """g / sqrt(g^2 + s^2), with s in proportion to the root mean square."""
    square = gradient.square()
    mean = square.flatten(1).mean(1).reshape(-1, *[1] * (gradient.ndim - 1))
    return gradient * (square + SOFTNESS**2 * mean).clamp(min=1e-30).rsqrt()
