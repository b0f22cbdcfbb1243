"""Networks as data: a tuple of layers, applied as a pure function of (parameters, input, masks).

There is no train or eval mode. A dropout layer multiplies by the mask it is given, so whoever
calls a network says which features are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from dropleak.engine.models.layer import Layer, Shape
from dropleak.engine.models.layers import Dropout, Flatten

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Network:
    """A sequence of layers for inputs of shape (channels, height, width)."""

    input_shape: Shape
    layers: tuple[Layer, ...]
    bound: float | None = 0.5
    """Initial weights and biases lie in [-bound, bound]; None: 1 / sqrt(fan-in), as in torch."""

    def output_shapes(self) -> list[Shape]:
        """The shape behind each layer, without the batch."""
        shapes, shape = [], self.input_shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
            shapes.append(shape)
        return shapes

    def input_shapes(self) -> list[Shape]:
        """The shape before each layer, without the batch."""
        return [self.input_shape, *self.output_shapes()[:-1]]

    def parameter_shapes(self) -> dict[str, Shape]:
        """Name and shape of every parameter, in the order of the layers."""
        return {
            name: parameter
            for layer, shape in zip(self.layers, self.input_shapes(), strict=True)
            for name, parameter in layer.parameter_shapes(shape).items()
        }

    def bounds(self) -> dict[str, float]:
        """Largest magnitude of every parameter's initial values."""
        shapes = self.parameter_shapes()
        return {
            name: self.bound or prod(shapes[name.replace(".bias", ".weight")][1:]) ** -0.5
            for name in shapes
        }

    def dropout_shapes(self) -> list[Shape]:
        """The shape of the mask that each dropout layer takes, in order."""
        return [
            shape
            for layer, shape in zip(self.layers, self.input_shapes(), strict=True)
            if isinstance(layer, Dropout)
        ]

    def multiplications(self) -> int:
        """Of the forward pass of an image."""
        layers = zip(self.layers, self.input_shapes(), strict=True)
        return sum(layer.multiplications(shape) for layer, shape in layers)

    def can_be_zero(self, place: int) -> bool:
        """Whether features before the layer at a place can be zero without being dropped."""
        zero = True  # a pixel can
        for layer in self.layers[:place]:
            zero = layer.can_be_zero(zero)
        return zero

    def forward(
        self, parameters: Mapping[str, Tensor], x: Tensor, masks: Sequence[Tensor]
    ) -> Tensor:
        """Logits.

        Args:
            parameters: tensors shaped as `parameter_shapes` says.
            x: [..., channels, height, width], with at most one leading dimension.
            masks: one multiplier per dropout layer, broadcastable to its features.

        Returns:
            [..., classes]
        """
        remaining = iter(masks)
        for layer in self.layers:
            dropout = isinstance(layer, Dropout)
            x = x * next(remaining) if dropout else layer.apply(parameters, x)
        return x

    def encoder(self) -> Network:
        """The part that ends with the flattened features, before dropout and classifier."""
        end = self.layers.index(Flatten()) + 1
        return replace(self, layers=self.layers[:end])

    def without_dropout(self) -> Network:
        """The same network with its dropout layers taken out."""
        kept = tuple(layer for layer in self.layers if not isinstance(layer, Dropout))
        return replace(self, layers=kept)
