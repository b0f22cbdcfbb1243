"""The smallest entries of the gradient set to zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from dropleak.engine.defences.defence import Defence, Findings, Gradients

if TYPE_CHECKING:
    from dropleak.engine.client.update import Update


@dataclass(frozen=True)
class Pruning(Defence):
    """Of each parameter the share with the smallest magnitudes (Zhu et al. 2019, section 5.2).

    An attacker matches the entries that were kept.
    """

    share: float

    def defend(self, findings: Findings, keys: Tensor) -> Gradients:
        return {name: self._pruned(gradient) for name, gradient in findings.gradients().items()}

    def _pruned(self, gradient: Tensor) -> Tensor:
        rows = gradient.flatten(1)
        smallest = rows.abs().argsort(1)[:, : round(self.share * rows.shape[1])]
        return rows.scatter(1, smallest, 0).reshape(gradient.shape)

    def weights(self, update: Update) -> Gradients:
        return {name: gradient != 0 for name, gradient in update.gradients.items()}
