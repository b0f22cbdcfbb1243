"""Stochastic rounding of the gradient's entries to a few bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.defences.defence import Defence, Findings, Gradients
from dropleak.engine.defences.denoising import denoising
from dropleak.engine.models.parameters import beside

if TYPE_CHECKING:
    from dropleak.engine.client.update import Update

FULL = 32
"""Bits of a number that is not rounded."""


@dataclass(frozen=True)
class Quantisation(Defence):
    """Of every entry a sign and a level, as in QSGD (Alistarh et al. 2017).

    With b bits the levels of a parameter's gradient are the multiples of its largest magnitude over
    2^(b - 1) - 1. An entry becomes one of the two levels around it at random, such that its
    expectation stays. (The paper's experiments take the largest magnitude too, its theory the
    Euclidean norm.)

    An attacker takes the rounding for normal noise and estimates the image a posteriori, see
    `denoising`. The variance is step^2 u (1 - u) for a remainder u, step^2 / 6 in the mean.
    """

    bits: int

    def defend(self, findings: Findings, keys: Tensor) -> Gradients:
        gradients = findings.gradients()
        if self.bits == FULL:
            return gradients
        return {
            name: self._rounded(gradient, rng.derive(keys, place))
            for place, (name, gradient) in enumerate(gradients.items())
        }

    def _rounded(self, gradient: Tensor, keys: Tensor) -> Tensor:
        # In double precision, as a draw near 1 that is rounded to 1 takes a level to the next one.
        draws = rng.uniform(keys, gradient[0].numel()).reshape(gradient.shape).to(gradient.device)
        shares = gradient.double() / _largest(gradient)
        levels = torch.where(shares.isnan(), 0, shares * self._highest + draws).floor()
        return levels.to(gradient) * self._step(gradient)

    @property
    def _highest(self) -> int:
        """The highest level."""
        return 2 ** (self.bits - 1) - 1

    def _step(self, gradient: Tensor) -> Tensor:
        """Between levels, [B, 1, ...]; rounding keeps it as it keeps the largest magnitude."""
        return _largest(gradient) / self._highest

    def adapt(self, attacker: Attacker, update: Update) -> Attacker:
        return attacker if self.bits == FULL else denoising(attacker, update)

    def weights(self, update: Update) -> Gradients | None:
        if self.bits == FULL:
            return None
        return {name: self._weight(gradient) for name, gradient in update.gradients.items()}

    def _weight(self, gradient: Tensor) -> Tensor:
        deviation = self._step(gradient) / 6**0.5
        return torch.where(deviation > 0, 1 / deviation, 1).expand_as(gradient)


def _largest(gradient: Tensor) -> Tensor:
    """The largest magnitude of each client's gradient, [B, 1, ...]."""
    return beside(gradient.flatten(1).abs().amax(1), gradient)
