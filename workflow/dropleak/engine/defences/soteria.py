"""A perturbed representation: columns of the classifier's gradient set to zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dropleak.engine.defences.defence import Defence, Findings, Gradients

if TYPE_CHECKING:
    from dropleak.engine.client.update import Update


@dataclass(frozen=True)
class Soteria(Defence):
    """The features that say most about the image are pruned (Sun et al. 2021).

    They are those with the smallest |dr/dx| / |r|, summed over images; their columns in the
    gradient of the classifier's weights become zero. As in the paper's code, the gradients of other
    layers stay. An attacker matches all but the columns of zeros.
    """

    share: float

    needs_classifier = True

    def defend(self, findings: Findings, keys: Tensor) -> Gradients:
        name, features, sensitivity = findings.representation()
        # A feature that is zero, and stays so, has a column of zeros already.
        scores = torch.where(features == 0, 0, sensitivity / features.abs()).sum(1)
        pruned = scores.argsort(1)[:, : round(self.share * scores.shape[1])]
        kept = torch.ones_like(scores).scatter(1, pruned, 0)
        gradients = findings.gradients()
        return {**gradients, name: gradients[name] * kept[:, None]}

    def weights(self, update: Update) -> Gradients:
        assert update.network.classifier is not None  # or its clients had been refused
        name, gradients = update.network.classifier.weight, update.gradients
        everything = {other: torch.ones_like(g) for other, g in gradients.items()}
        return {**everything, name: (gradients[name] != 0).to(gradients[name])}
