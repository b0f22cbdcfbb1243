"""What a client finds out from a batch of training images: faster, as there are many batches."""

from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor
from torch.func import vjp, vmap
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.client.findings import ClientFindings, Transpose
from dropleak.engine.defences.defence import Gradients
from dropleak.engine.models.model import Model
from dropleak.engine.models.parameters import Parameters

DIRECTIONS = 8
"""In which sensitivities are estimated: with them and 16 images Soteria prunes 98% of the features
that it prunes with exact ones, in a hundredth of the time."""


@dataclass(frozen=True)
class BatchFindings(ClientFindings):
    """Those of one client with n images, whose loss has been computed already."""

    loss: Tensor  # mean cross-entropy, to be differentiated by `own`
    own: Parameters  # without a batch

    @classmethod
    def of(
        cls,
        network: Model,
        parameters: Parameters,
        images: Tensor,
        masks: list[Tensor],
        labels: Tensor,
        loss: Tensor,
    ) -> Self:
        """From tensors without the leading dimension of clients."""
        return cls(
            network,
            {name: p.detach()[None] for name, p in parameters.items()},
            images[None],
            [mask[None] for mask in masks],
            F.one_hot(labels, network.classes).to(images)[None],
            loss,
            parameters,
        )

    def gradients(self) -> Gradients:
        found = torch.autograd.grad(self.loss, list(self.own.values()), materialize_grads=True)
        return {name: g[None] for name, g in zip(self.own, found, strict=True)}

    def _sensitivity(self, features: Tensor, transpose: Transpose) -> Tensor:
        """Root mean squares of derivatives J v of the features in random directions v of images.

        The expectation of (J v)^2 is |J|^2, row by row, for standard normal v.
        """
        shape = self.images.shape[1:]
        keys = rng.image_keys(0, torch.arange(DIRECTIONS))
        directions = rng.normal(keys, shape.numel()).reshape(-1, *shape).to(self.images)

        def images_from(direction: Tensor) -> Tensor:
            return transpose(direction)[0]

        # Linear, so that its transpose is J itself.
        _, forward = cast(Any, vjp(images_from, torch.zeros_like(features)))
        (changes,) = vmap(forward)(directions)
        return changes.square().mean(0).sqrt()
