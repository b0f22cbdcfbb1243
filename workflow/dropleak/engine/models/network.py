"""Networks as data: a tuple of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Self

from dropleak.engine.models.layer import Layer, Shape
from dropleak.engine.models.layers import CLASSIFIER, Dropout, Flatten, Linear
from dropleak.engine.models.model import Classifier, DropoutSite

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Network:
    """A sequence of layers for inputs of shape (channels, height, width); a `Model`."""

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

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.output_shapes()[-1][0]

    @property
    def classifier(self) -> Classifier:
        """The last layer."""
        signed = True
        for layer in self.layers[:-1]:
            signed = layer.can_be_negative(signed)
        return Classifier(f"{CLASSIFIER}.weight", f"{CLASSIFIER}.bias", signed)

    def to(self, like: Tensor) -> Self:
        """Itself, as it has no tensors."""
        return self

    def factored(self) -> Mapping[str, int]:
        """None are needed: the layers have derivative passes of their own."""
        return {}

    def initial_parameters(self, keys: Tensor) -> dict[str, Tensor]:
        """Weights and biases uniform within `bounds`, one network per key.

        For `lenet` this is the initialisation of the DLG and iDLG scripts, [-0.5, 0.5].

        Args:
            keys: int64 [B].

        Returns:
            float64 [B, *shape] for each parameter.
        """
        from dropleak.engine import rng  # late: planning imports this module, without torch
        from dropleak.engine.models.parameters import unflatten

        count = sum(map(prod, self.parameter_shapes().values()))
        unit = unflatten(self, 2 * rng.uniform(keys, count) - 1)
        return {name: unit[name] * bound for name, bound in self.bounds().items()}

    def dropout_sites(self) -> list[DropoutSite]:
        """The dropout layers, with what can be read of their masks."""
        places = [place for place, layer in enumerate(self.layers) if isinstance(layer, Dropout)]
        return [self._dropout_site(place) for place in places]

    def _dropout_site(self, place: int) -> DropoutSite:
        import torch

        shape = self.input_shapes()[place]
        linear, series = self._linear_behind(place)
        if linear is None:
            return DropoutSite(shape, None, doubts=("dropout before convolutions cannot be read",))
        doubts = ["dropout layers in series"] if series > 1 else []
        if self.can_be_zero(place):
            doubts.append("features can be zero without being dropped")
        elements = torch.arange(prod(shape))[None]
        return DropoutSite(shape, f"{linear.name}.weight", elements, series, tuple(doubts))

    def _linear_behind(self, place: int) -> tuple[Linear | None, int]:
        """The linear layer that a dropout layer's features go into, and how many are in series."""
        series = 1
        for before in reversed(self.layers[:place]):
            if not isinstance(before, Dropout | Flatten):
                break
            series += isinstance(before, Dropout)
        for layer in self.layers[place + 1 :]:
            if isinstance(layer, Linear):
                return layer, series
            if not isinstance(layer, Dropout | Flatten):
                break
            series += isinstance(layer, Dropout)
        return None, series

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
        """Logits, see `Model`."""
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
