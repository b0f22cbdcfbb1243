"""What clients compute from their images, as their defences see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.func import vjp, vmap

from dropleak.engine.backends.autograd.derivatives import ordinary
from dropleak.engine.backends.autograd.layers import Recorder
from dropleak.engine.backends.derivatives import derivatives
from dropleak.engine.defences.defence import Gradients, Representation
from dropleak.engine.models.model import Model
from dropleak.engine.models.parameters import unflatten

Transpose = Callable[[Tensor], tuple[Tensor]]
"""From directions of features, [n, d], to those of images, [n, C, H, W]."""


@dataclass(frozen=True)
class ClientFindings:
    """Gradients and representations of B clients with n images each; `Findings`."""

    network: Model
    parameters: Mapping[str, Tensor]  # [B, *shape] each, or [1, *shape] if all clients share them
    images: Tensor  # [B, n, C, H, W]
    masks: Sequence[Tensor]  # [B, n, *shape] each
    targets: Tensor  # [B, n, classes]

    def gradients(self) -> Gradients:
        """See `Findings`; so for the others."""
        clients, images = self.images.shape[:2]
        found = derivatives(self.network, self.parameters, clients, images)
        return unflatten(self.network, found.gradients(self.images, self.masks, self.targets))

    def image_gradients(self) -> Gradients:
        shape = self.images.shape[:2]
        own = {
            name: p if len(p) == 1 else p.repeat_interleave(shape[1], 0)
            for name, p in self.parameters.items()
        }
        alone = [part.flatten(0, 1)[:, None] for part in (self.images, *self.masks, self.targets)]
        found = derivatives(self.network, own, len(alone[0]), 1)
        rows = found.gradients(alone[0], alone[1:-1], alone[-1])
        return {
            name: gradient.unflatten(0, shape)
            for name, gradient in unflatten(self.network, rows).items()
        }

    @torch.inference_mode(False)
    def representation(self) -> Representation:
        assert self.network.classifier is not None  # or such a defence had been refused
        name = self.network.classifier.weight
        features, sensitivity = [], []
        for client in range(len(self.images)):
            found, transpose = self._features(client, name)
            features.append(found.detach())
            sensitivity.append(self._sensitivity(found, transpose).detach())
        return Representation(name, torch.stack(features), torch.stack(sensitivity))

    def _features(self, client: int, name: str) -> tuple[Tensor, Transpose]:
        """Inputs of one client's classifier, [n, d], and the transpose of their derivative."""
        own = {name: ordinary(p[client % len(p)]) for name, p in self.parameters.items()}
        masks = [ordinary(mask[client]) for mask in self.masks]

        def inputs_of_classifier(images: Tensor) -> Tensor:
            with Recorder({name: own[name]}) as recorder:
                self.network.forward(own, images, masks)
            return recorder.inputs[-1]

        return cast(Any, vjp(inputs_of_classifier, ordinary(self.images[client])))

    def _sensitivity(self, features: Tensor, transpose: Transpose) -> Tensor:
        """Norms of the derivatives of features, [n, d], one feature of all images after another."""

        def squared_norm(feature: Tensor) -> Tensor:
            (gradient,) = transpose(feature.expand_as(features))
            return gradient.flatten(1).square().sum(1)

        units = torch.eye(features.shape[1], dtype=features.dtype, device=features.device)
        return vmap(squared_norm, chunk_size=_TOGETHER)(units).sqrt().mT


_TOGETHER = 64
"""Features that are differentiated at a time."""
