"""Derivatives of any network, in which gradients of weights stay products."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.func import grad, vjp, vmap

from dropleak.engine.backends.autograd.convolutions import Convolution
from dropleak.engine.backends.autograd.derivatives import mean_loss, ordinary
from dropleak.engine.backends.autograd.factors import CACHED, Factors, Product
from dropleak.engine.backends.autograd.layers import Recorder
from dropleak.engine.backends.autograd.low_rank import LowRank, low_rank
from dropleak.engine.models.model import Model
from dropleak.engine.models.parameters import repeated


class SharedGradients(NamedTuple):
    """What B clients shared: rows of numbers, and matrices for weights that have factors."""

    rows: Tensor  # [B, P]
    matrices: list[Tensor | LowRank]  # [B, O, K] each
    squares: Tensor
    """The sum of all squares, [B]."""

    @property
    def kinds(self) -> tuple[object, ...]:
        """What the operations of a distance from them depend on: how many, and of which kinds."""
        return len(self.rows), *map(type, self.matrices)


@dataclass(frozen=True)
class FactoredGradients:
    """Gradients of the losses of B clients, as a function of images, targets and masks."""

    rows: Tensor  # [B, P]
    factors: list[Product]
    features: Tensor | None
    """Inputs of the classifier, [B, n, d]; None if its gradient has no factors."""
    transpose: Callable[[Tensor, list[Product], Tensor | None], tuple[Tensor, Tensor, list[Tensor]]]
    """Of its derivative: from directions, of features too if any, to those of images, targets and
    masks."""


class FactoredAutograd:
    """Automatic differentiation of losses of clients that share their weights.

    Args:
        network: the architecture.
        parameters: [1, *shape] each.
        images: n.
    """

    def __init__(self, network: Model, parameters: Mapping[str, Tensor], images: int):
        own = {name: ordinary(p[0]) for name, p in parameters.items()}
        like = next(iter(own.values()))
        self.network = network.to(like)
        every = {name: own[name] for name in network.factored()}
        masks = [like.new_ones(images, *shape) for shape in network.dropout_shapes()]
        with Recorder(every) as recorder, torch.no_grad():
            self.network.forward(own, like.new_zeros(images, *network.input_shape), masks)
        calls = [layer.weight for layer in recorder.layers]
        # Of those that functions of torch call out of sight, gradients are taken as of any other.
        seen = {name for name, count in network.factored().items() if calls.count(name) == count}
        self.weights = {name: p for name, p in own.items() if name in seen}
        self._rest = {name: p for name, p in own.items() if name not in seen}
        self._layers = [
            # On a GPU, which does little at a time for one client, columns are faster.
            replace(
                layer,
                unfolds=layer.window is None
                or calls.count(layer.weight) > 1
                or layer.columns <= CACHED
                or like.device.type != "cpu",
            )
            for layer in recorder.layers
            if layer.weight in seen
        ]
        classifier, calls = network.classifier, [layer.weight for layer in self._layers]
        found = classifier is not None and classifier.weight in seen
        self.classifier_call = calls.index(classifier.weight) if classifier and found else None
        """Which of the calls is the classifier's; None if its gradient has no factors."""
        self._zeros = [like.new_zeros(layer.output) for layer in self._layers]
        self.size = 1 + sum(
            layer.output.numel() + (layer.columns if layer.unfolds else 0) for layer in self._layers
        )
        """Numbers of a client that are outputs of layers, or columns."""

    def split(self, gradients: Mapping[str, Tensor], clients: slice) -> SharedGradients:
        """Gradients [B, *shape] of some clients, as factors where our own are and it pays."""
        rows = [gradients[name][clients].flatten(1) for name in self._rest]
        matrices = [
            self._as_factors(name, gradients[name][clients].flatten(2)) for name in self.weights
        ]
        none = next(iter(gradients.values()))[clients].flatten(1)[:, :0]
        squares = sum(
            torch.linalg.vector_norm(g[clients].flatten(1), dim=1).square()
            for g in gradients.values()
        )
        return SharedGradients(torch.cat([none, *rows], 1), matrices, squares)

    def _as_factors(self, name: str, matrix: Tensor) -> Tensor | LowRank:
        """The shared gradients of a weight [B, O, K], as factors where these are cheaper."""
        layers = [layer for layer in self._layers if layer.weight == name]
        _, outputs, inputs = matrix.shape
        rank = sum(layer.columns for layer in layers) // inputs
        # Distances multiply factors five times, and numbers three times.
        if layers[0].unfolds and 2 * rank * (outputs + inputs) < outputs * inputs:
            return low_rank(matrix, rank) or matrix
        return matrix

    def gradients(
        self, images: Tensor, masks: Sequence[Tensor], targets: Tensor, by_masks: bool
    ) -> FactoredGradients:
        """Of the clients' mean cross-entropy.

        Args:
            images, masks, targets: as for `Derivatives`.
            by_masks: whether they are to be differentiated with respect to the masks.
        """
        given = [ordinary(mask) for mask in masks]

        def at(images: Tensor, targets: Tensor, *own: Tensor) -> Any:
            return self._gradients(images, list(own) if by_masks else given, targets)

        point = ordinary(images), ordinary(targets), *(given if by_masks else [])
        (rows, errors, inputs), transpose = cast(Any, vjp(at, *point))
        last = self.classifier_call
        calls: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in self.weights}
        for layer, dy, x in zip(self._layers, errors, inputs, strict=True):
            calls[layer.weight].append((layer.to_errors(dy), layer.to_columns(x)))

        def back(
            direction: Tensor, slopes: list[Product], by_features: Tensor | None
        ) -> tuple[Tensor, Tensor, list[Tensor]]:
            parts = {
                name: iter(slope.split(calls[name]))
                for name, slope in zip(calls, slopes, strict=True)
            }
            by_errors, by_inputs = [], []
            for layer, dy, x in zip(self._layers, errors, inputs, strict=True):
                error, column = next(parts[layer.weight])
                by_errors.append(layer.from_errors(error, dy.shape))
                by_inputs.append(layer.from_columns(column, x.shape))
            if by_features is not None and last is not None:
                by_inputs[last] = by_inputs[last] + by_features
            by_image, by_target, *by_mask = transpose((direction, by_errors, by_inputs))
            return by_image, by_target, by_mask

        features = None if last is None else inputs[last]
        factors = [self._product(*call) for call in calls.items()]
        return FactoredGradients(rows, factors, features, back)

    def scaled(
        self, gradients: FactoredGradients, scales: Mapping[str, Tensor]
    ) -> FactoredGradients:
        """Gradients times numbers [B] for each parameter."""
        rows = repeated(scales, {name: p.numel() for name, p in self._rest.items()})
        matrices = [scales[name] for name in self.weights]

        def multiplied(factors: list[Product]) -> list[Product]:
            return [one.scaled(scale) for one, scale in zip(factors, matrices, strict=True)]

        def back(
            direction: Tensor, slopes: list[Product], by_features: Tensor | None
        ) -> tuple[Tensor, Tensor, list[Tensor]]:
            return gradients.transpose(direction * rows, multiplied(slopes), by_features)

        factors = multiplied(gradients.factors)
        return FactoredGradients(gradients.rows * rows, factors, gradients.features, back)

    def _product(self, name: str, calls: list[tuple[Tensor, Tensor]]) -> Product:
        """Gradients of a weight, from errors and inputs of its calls."""
        layer = next(layer for layer in self._layers if layer.weight == name)
        if layer.unfolds:
            return Factors.of(calls)
        ((errors, inputs),) = calls
        return Convolution(errors, inputs, layer.shape, layer.window or {})

    def _gradients(
        self, images: Tensor, masks: list[Tensor], targets: Tensor
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Rows of gradients, [B, P]; for each call of a layer errors and inputs, [B, n, ...]."""
        every = vmap(grad(self._loss, argnums=(0, 1), has_aux=True), (None, None, 0, 0, 0))
        (rest, errors), inputs = every(self._rest, self._zeros, images, masks, targets)
        none = images.flatten(1)[:, :0]
        return torch.cat([none, *(g.flatten(1) for g in rest.values())], 1), errors, inputs

    def _loss(
        self,
        rest: Mapping[str, Tensor],
        zeros: list[Tensor],
        images: Tensor,
        masks: list[Tensor],
        targets: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        """Mean cross-entropy of one client's images, and inputs of the calls of layers.

        Its gradient with respect to zeros that are added to the layers' outputs is their errors.
        """
        with Recorder(self.weights, zeros) as recorder:
            logits = self.network.forward({**self.weights, **rest}, images, masks)
        return mean_loss(logits, targets), recorder.inputs
