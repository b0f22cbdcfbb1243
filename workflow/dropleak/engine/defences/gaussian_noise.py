"""Gaussian noise on every entry of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.defences.defence import Defence, Findings, Gradients
from dropleak.engine.defences.denoising import denoising

if TYPE_CHECKING:
    from dropleak.engine.client.update import Update


@dataclass(frozen=True)
class GaussianNoise(Defence):
    """Independent normal noise of one standard deviation (Zhu et al. 2019, section 5.1).

    An attacker estimates the image a posteriori, see `denoising`.
    """

    standard_deviation: float

    def defend(self, findings: Findings, keys: Tensor) -> Gradients:
        return noisy(findings.gradients(), keys, self.standard_deviation)

    def adapt(self, attacker: Attacker, update: Update) -> Attacker:
        return denoising(attacker, update) if self.standard_deviation else attacker

    def weights(self, update: Update) -> Gradients | None:
        return weights_by_noise(update.gradients, self.standard_deviation)


def noisy(gradients: Gradients, keys: Tensor, standard_deviation: float) -> Gradients:
    """Gradients [B, *shape] plus normal noise, which depends on the keys [B] alone."""
    if standard_deviation == 0:
        return gradients
    found = {}
    for place, (name, gradient) in enumerate(gradients.items()):
        draws = rng.normal(rng.derive(keys, place), gradient[0].numel()).reshape(gradient.shape)
        found[name] = gradient + (standard_deviation * draws).to(gradient)
    return found


def weights_by_noise(gradients: Gradients, standard_deviation: float) -> Gradients | None:
    """1 / standard deviation for every entry; None without noise."""
    if standard_deviation == 0:
        return None
    return {name: torch.full_like(g, 1 / standard_deviation) for name, g in gradients.items()}
