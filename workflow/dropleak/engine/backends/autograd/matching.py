"""The objective by automatic differentiation."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from dropleak.engine.attack.distances import DISTANCES
from dropleak.engine.attack.objective import GradientMatching, Slopes
from dropleak.engine.backends.autograd.distances import FACTORED_DISTANCES
from dropleak.engine.backends.autograd.factored import FactoredAutograd, SharedGradients

ROOM = {"cpu": 2**25, "gpu": 2**30}
"""Inputs and outputs of layers, in numbers, of clients that are differentiated together. The graph
of second derivatives takes some ten times as much."""

MOST = {"cpu": 32}
"""Such clients: with more their features no longer stay in a processor's cache."""


class AutogradMatching(GradientMatching):
    """Gradient matching for networks whose derivatives are not written out.

    Gradients of weights of linear layers and convolutions are never formed, as long as clients
    share their weights and the distance can be taken of their factors.
    """

    def match(self, x: Tensor, evaluations: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False):
            return super().match(x, evaluations)

    @cached_property
    def _factored(self) -> FactoredAutograd | None:
        update = self.update
        if any(len(p) > 1 for p in update.parameters.values()):
            return None
        return FactoredAutograd(update.network, update.parameters, update.images_per_update)

    @cached_property
    def _parts(self) -> list[tuple[slice, SharedGradients]]:
        """A few clients each, with what they shared."""
        assert self._factored is not None
        kind = "cpu" if self.update.like.device.type == "cpu" else "gpu"
        clients = len(self.update)
        count = min(ROOM[kind] // self._factored.size, MOST.get(kind, clients)) or 1
        parts = (slice(first, first + count) for first in range(0, clients, count))
        return [(part, self._factored.split(self._shared_gradients, part)) for part in parts]

    def _match(self, images: Tensor, masks: Sequence[Tensor], targets: Tensor) -> Slopes:
        factored = self._factored
        distance = FACTORED_DISTANCES.get(DISTANCES[self.attacker.distance].compute)
        if distance is None or factored is None:
            return super()._match(images, masks, targets)
        if self._features is not None and factored.classifier_call is None:
            return super()._match(images, masks, targets)
        found = []
        for clients, shared in self._parts:
            some = [mask[clients] for mask in masks]
            gradients = factored.gradients(
                images[clients], some, targets[clients], by_masks=self.masks is None
            )
            if self._scales is not None:
                own = {name: scale[clients] for name, scale in self._scales.items()}
                gradients = factored.scaled(gradients, own)
            value, direction, slopes = distance(gradients, shared)
            by_features = None
            if self._features is not None:
                assert gradients.features is not None
                known = self._features[clients]
                more, by_features = self._feature_distance(gradients.features, known)
                value = value + more
            found.append((value, *gradients.transpose(direction, slopes, by_features)))
        values, by_image, by_target, by_mask = zip(*found, strict=True)
        joined = [torch.cat(parts) for parts in zip(*by_mask, strict=True)]
        return Slopes(torch.cat(values), torch.cat(by_image), torch.cat(by_target), joined)
