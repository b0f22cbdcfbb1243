"""Clipping and noise: differentially private stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.defences.defence import Defence, Findings, Gradients
from dropleak.engine.defences.denoising import denoising
from dropleak.engine.defences.gaussian_noise import noisy, weights_by_noise
from dropleak.engine.models.parameters import beside

if TYPE_CHECKING:
    from dropleak.engine.client.update import Update


@dataclass(frozen=True)
class DPSGD(Defence):
    """Each image's gradient clipped to a norm, and noise on their mean (Abadi et al. 2016, alg. 1).

    The noise on the mean of n images has standard deviation multiplier * norm / n. An attacker
    clips its dummy gradient as well, and estimates the image a posteriori, see `denoising`. With
    several images it clips the mean, as if their gradients had one direction.
    """

    norm: float
    multiplier: float

    needs_image_gradients = True
    is_expected = True

    def defend(self, findings: Findings, keys: Tensor) -> Gradients:
        each = findings.image_gradients()
        images = next(iter(each.values())).shape[1]
        factors = self._factors(each, dims=2)
        means = {
            name: torch.einsum("bi,bi...->b...", factors, gradient) / images
            for name, gradient in each.items()
        }
        return noisy(means, keys, self._deviation(images))

    def _factors(self, gradients: Gradients, dims: int) -> Tensor:
        """What gradients are multiplied by so that no norm is above the bound.

        Args:
            gradients: [B, ..., *shape].
            dims: number of those before the shape, which stay.
        """
        squares = sum(g.flatten(dims).square().sum(dims) for g in gradients.values())
        return self.norm / torch.as_tensor(squares).sqrt().clamp(min=self.norm)

    def _deviation(self, images: int) -> float:
        return self.multiplier * self.norm / images

    def adapt(self, attacker: Attacker, update: Update) -> Attacker:
        return denoising(attacker, update) if self.multiplier else attacker

    def weights(self, update: Update) -> Gradients | None:
        return weights_by_noise(update.gradients, self._deviation(update.images_per_update))

    def expected(self, gradients: Gradients) -> Gradients:
        factors = self._factors(gradients, dims=1)
        return {name: beside(factors, g) * g for name, g in gradients.items()}
