"""The objective by automatic differentiation."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from dropleak.engine.attack.distances import DISTANCES
from dropleak.engine.attack.objective import GradientMatching, Slopes
from dropleak.engine.backends.autograd.distances import FACTORED_DISTANCES, FactoredDistance
from dropleak.engine.backends.autograd.factored import FactoredAutograd, SharedGradients
from dropleak.engine.backends.autograd.low_rank import LowRank
from dropleak.engine.backends.autograd.tracing import traced
from dropleak.engine.models.parameters import unflatten

ROOM = {"cpu": 2**22, "gpu": 2**26}
"""Inputs and outputs of layers, in numbers, of clients that are differentiated together. Their
second derivatives take up to fifty times as much: 0.8 GB, and 13 GB, in float32."""

MOST = {"cpu": 32}
"""Such clients: with more their features no longer stay in a processor's cache."""


class AutogradMatching(GradientMatching):
    """Gradient matching for networks whose derivatives are not written out.

    Gradients of weights of linear layers and convolutions are never formed, as long as clients
    share their weights and the distance can be taken of their factors.
    """

    def select(self, clients: Tensor) -> Self:
        """See `GradientMatching`; what has been computed stays."""
        other = super().select(clients)
        other._factored, other._steps = self._factored, self._steps
        if "_shared_factors" in vars(self):
            other._shared_factors = _of(clients, self._shared_factors)
        return other

    @cached_property
    def _factored(self) -> FactoredAutograd | None:
        update = self.update
        if any(len(p) > 1 for p in update.parameters.values()):
            return None
        return FactoredAutograd(update.network, update.parameters, update.images_per_update)

    @cached_property
    def _steps(self) -> dict[tuple[object, ...], Callable[..., Any]]:
        """Operations of `_step` by the kinds of what was shared."""
        return {}

    @cached_property
    def _distance(self) -> FactoredDistance | None:
        return FACTORED_DISTANCES.get(DISTANCES[self.attacker.distance].compute)

    @cached_property
    def _shared_factors(self) -> SharedGradients:
        assert self._factored is not None
        return self._factored.split(unflatten(self.update.network, self._shared), slice(None))

    @cached_property
    def _parts(self) -> list[tuple[slice, SharedGradients]]:
        """A few clients each, with what they shared: powers of two, of which there are few."""
        assert self._factored is not None
        kind = "cpu" if self.update.like.device.type == "cpu" else "gpu"
        clients = len(self.update)
        most = min(ROOM[kind] // self._factored.size, MOST.get(kind, clients)) or 1
        parts, first = [], 0
        while left := clients - first:
            count = 1 << min(left, most).bit_length() - 1
            part = slice(first, first + count)
            parts.append((part, _of(part, self._shared_factors)))
            first += count
        return parts

    def _match(self, images: Tensor, masks: Sequence[Tensor], targets: Tensor) -> Slopes:
        factored = self._factored
        if self._distance is None or factored is None or self._defence is not None:
            return super()._match(images, masks, targets)
        if self._features is not None and factored.classifier_call is None:
            return super()._match(images, masks, targets)
        scales, features = self._scales or {}, self._features
        found = []
        for clients, shared in self._parts:
            point = (
                images[clients],
                [mask[clients] for mask in masks],
                targets[clients],
                shared,
                {name: scale[clients] for name, scale in scales.items()},
                [] if features is None else [features[clients]],
            )
            kinds = shared.kinds
            if kinds not in self._steps:
                self._steps[kinds] = traced(self._step, *point)
            found.append(self._steps[kinds](*point))
        values, by_image, by_target, by_mask = zip(*found, strict=True)
        joined = [torch.cat(parts) for parts in zip(*by_mask, strict=True)]
        return Slopes(torch.cat(values), torch.cat(by_image), torch.cat(by_target), joined)

    def _step(
        self,
        images: Tensor,
        masks: list[Tensor],
        targets: Tensor,
        shared: SharedGradients,
        scales: dict[str, Tensor],
        known: list[Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Distances of a few clients, and their gradients by images, targets and masks.

        Args:
            scales: of the gradients of each parameter, [B]; empty if they are not scaled.
            known: the features to match, [B, n, d]; empty if there are none.
        """
        assert self._factored is not None
        assert self._distance is not None
        gradients = self._factored.gradients(images, masks, targets, by_masks=self.masks is None)
        if scales:
            gradients = self._factored.scaled(gradients, scales)
        value, direction, slopes = self._distance(gradients, shared)
        by_features = None
        for features in known:
            assert gradients.features is not None
            more, by_features = self._feature_distance(gradients.features, features)
            value = value + more
        return value, *gradients.transpose(direction, slopes, by_features)


def _of(clients: Tensor | slice, shared: SharedGradients) -> SharedGradients:
    """What some clients shared."""
    rows, matrices, squares = shared
    return SharedGradients(
        rows[clients],
        [
            LowRank(matrix.left[clients], matrix.right[clients])
            if isinstance(matrix, LowRank)
            else matrix[clients]
            for matrix in matrices
        ],
        squares[clients],
    )
