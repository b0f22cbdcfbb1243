"""Networks as data: a tuple of layers, applied as a pure function of (parameters, input, masks).

There is no train or eval mode. A dropout layer multiplies by the mask it is given, so whoever
calls a network says which features are dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from dropleak import rng

Shape = tuple[int, ...]
Parameters = Mapping[str, Tensor]

CLASSIFIER = "classifier"


@dataclass(frozen=True)
class Conv:
    """Square 2-d convolution with bias."""

    name: str
    channels: int
    kernel: int
    stride: int
    padding: int

    def output_shape(self, shape: Shape) -> Shape:
        side = [(n + 2 * self.padding - self.kernel) // self.stride + 1 for n in shape[1:]]
        return (self.channels, *side)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        kernel = (self.channels, shape[0], self.kernel, self.kernel)
        return {f"{self.name}.weight": kernel, f"{self.name}.bias": (self.channels,)}

    def apply(self, parameters: Parameters, x: Tensor) -> Tensor:
        weight, bias = parameters[f"{self.name}.weight"], parameters[f"{self.name}.bias"]
        return F.conv2d(x, weight, bias, stride=self.stride, padding=self.padding)


@dataclass(frozen=True)
class _Elementwise:
    """What layers without parameters that keep the shape have in common."""

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}


@dataclass(frozen=True)
class Sigmoid(_Elementwise):
    """Elementwise logistic function."""

    def apply(self, parameters: Parameters, x: Tensor) -> Tensor:
        return torch.sigmoid(x)


@dataclass(frozen=True)
class ReLU(_Elementwise):
    """Elementwise rectifier."""

    def apply(self, parameters: Parameters, x: Tensor) -> Tensor:
        return torch.relu(x)


@dataclass(frozen=True)
class Flatten:
    """All features of a sample in one row."""

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}

    def apply(self, parameters: Parameters, x: Tensor) -> Tensor:
        return x.flatten(-3)


@dataclass(frozen=True)
class Dropout(_Elementwise):
    """Place where a mask is multiplied in; which features it drops is decided by the caller."""


@dataclass(frozen=True)
class Linear:
    """Affine map of a row of features."""

    name: str
    outputs: int

    def output_shape(self, shape: Shape) -> Shape:
        return (self.outputs,)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        weight = (self.outputs, *shape)
        return {f"{self.name}.weight": weight, f"{self.name}.bias": (self.outputs,)}

    def apply(self, parameters: Parameters, x: Tensor) -> Tensor:
        return F.linear(x, parameters[f"{self.name}.weight"], parameters[f"{self.name}.bias"])


Layer = Conv | Sigmoid | ReLU | Flatten | Dropout | Linear


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

    def forward(self, parameters: Parameters, x: Tensor, masks: Sequence[Tensor]) -> Tensor:
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

    def encoder(self) -> "Network":
        """The part that ends with the flattened features, before dropout and classifier."""
        end = self.layers.index(Flatten()) + 1
        return replace(self, layers=self.layers[:end])

    def without_dropout(self) -> "Network":
        """The same network with its dropout layers taken out."""
        kept = tuple(layer for layer in self.layers if not isinstance(layer, Dropout))
        return replace(self, layers=kept)


DROPOUT_SITES = ("classifier", "convolutions", "both")
"""Where a network's dropout layers are: before the classifier, after each convolution, or both."""


def lenet(input_shape: Shape, classes: int, dropout: str = "classifier") -> Network:
    """The LeNet of DLG (Zhu et al. 2019) and iDLG (Zhao et al. 2020), with dropout.

    Three 5x5 convolutions of 12 channels with strides 2, 2 and 1, a sigmoid after each, and one
    linear layer. The dropout layer before that is the only change of "Dropout against Deep Leakage
    from Gradients" (section 4.1).
    """
    convolutions = [
        Conv(f"conv{number}", 12, kernel=5, stride=stride, padding=2)
        for number, stride in enumerate((2, 2, 1), start=1)
    ]
    return _convolutional(input_shape, classes, dropout, convolutions, Sigmoid(), bound=0.5)


def relu_convnet(input_shape: Shape, classes: int, dropout: str = "classifier") -> Network:
    """A small network of another kind: three 3x3 convolutions of 16 and 32 channels with ReLU.

    It starts as torch's modules do. Features can be zero without having been dropped.
    """
    convolutions = [
        Conv(f"conv{number}", channels, kernel=3, stride=stride, padding=1)
        for number, (channels, stride) in enumerate(((16, 1), (16, 2), (32, 2)), start=1)
    ]
    return _convolutional(input_shape, classes, dropout, convolutions, ReLU(), bound=None)


NETWORKS = {"lenet": lenet, "relu-convnet": relu_convnet}


def _convolutional(
    input_shape: Shape,
    classes: int,
    dropout: str,
    convolutions: Sequence[Conv],
    activation: Sigmoid | ReLU,
    bound: float | None,
) -> Network:
    layers = []
    for convolution in convolutions:
        layers += [convolution, activation]
        layers += [Dropout()] * (dropout in ("convolutions", "both"))
    layers += [Flatten(), *[Dropout()] * (dropout in ("classifier", "both"))]
    return Network(input_shape, (*layers, Linear(CLASSIFIER, classes)), bound)


def flatten(parameters: Parameters) -> Tensor:
    """[B, *shape] for each parameter as rows of numbers, [B, P]."""
    return torch.cat([part.flatten(1) for part in parameters.values()], 1)


def unflatten(network: Network, rows: Tensor) -> dict[str, Tensor]:
    """The reverse of `flatten`: [B, P] to [B, *shape] for each parameter."""
    shapes = network.parameter_shapes()
    parts = rows.split([prod(shape) for shape in shapes.values()], dim=1)
    return {
        name: part.reshape(-1, *shape)
        for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def uniform_parameters(network: Network, keys: Tensor) -> dict[str, Tensor]:
    """Weights and biases uniform within the network's `bounds`, one network per key.

    For `lenet` this is the initialisation of the DLG and iDLG scripts, [-0.5, 0.5].

    Args:
        keys: int64 [B].

    Returns:
        float64 [B, *shape] for each parameter.
    """
    count = sum(map(prod, network.parameter_shapes().values()))
    unit = unflatten(network, 2 * rng.uniform(keys, count) - 1)
    return {name: unit[name] * bound for name, bound in network.bounds().items()}


def dropout_masks(
    network: Network, keys: Tensor, rate: float, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """Masks of inverted dropout: 0 with probability `rate`, else 1 / (1 - rate).

    The uniform draws depend on the keys alone, so what is dropped at a rate is also dropped at
    every higher one.

    Args:
        keys: int64 [B].
        rate: in [0, 1).
        dtype: of the masks.

    Returns:
        [B, *shape] for each dropout layer.
    """
    masks = []
    for site, shape in enumerate(network.dropout_shapes()):
        kept = rng.at_least(rng.derive(keys, site), prod(shape), rate)
        masks.append(kept.reshape(-1, *shape).to(dtype) * (1.0 / (1.0 - rate)))
    return tuple(masks)
