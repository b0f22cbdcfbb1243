"""The kinds of layers. A new one is a class here; `layer.py` says what it must have.

Torch is imported when something is computed, so that planning, which asks for shapes, is quick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from types import ModuleType
from typing import TYPE_CHECKING

from dropleak.engine.models.layer import Layer, Memory, Shape

if TYPE_CHECKING:
    from torch import Tensor

CLASSIFIER = "classifier"
"""Name of the last layer."""


@cache
def _functional() -> ModuleType:
    from torch.nn import functional

    return functional


class _Affine(Layer):
    """y = W u + b with u [B * n, K, P]: what convolutions and linear layers have in common."""

    name: str

    def multiplications(self, shape: Shape) -> int:
        weight = self.parameter_shapes(shape)[f"{self.name}.weight"]
        return prod(weight) * prod(self.output_shape(shape)[1:])

    def can_be_zero(self, inputs: bool) -> bool:
        return False

    def can_be_negative(self, inputs: bool) -> bool:
        return True

    def _matrices(self, shape: Shape, rows: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.output_shape(shape)[0]
        weight, bias = rows[:, :-outputs], rows[:, -outputs:]
        return weight.unflatten(1, (outputs, -1)), bias[:, :, None]

    def _columns(self, shape: Shape, x: Tensor) -> Tensor:
        """The input as u."""
        return x[:, :, None]

    def _sum_columns(self, shape: Shape, u: Tensor) -> Tensor:
        """The transpose of `_columns`."""
        return u.squeeze(2)

    def prepare(self, memory: Memory) -> None:
        memory.output_shape = self.output_shape(memory.shape)
        memory.weight, memory.bias = self._matrices(memory.shape, memory.parameters)

    def forward(self, memory: Memory, x: Tensor) -> Tensor:
        memory.u = self._columns(memory.shape, x)
        return memory.bias.baddbmm(memory.weight, memory.u).reshape(-1, *memory.output_shape)

    def backward(self, memory: Memory, dy: Tensor) -> list[Tensor]:
        memory.dy = dy.reshape(*memory.bias.shape[:2], -1)
        return [memory.dy @ memory.u.mT, memory.dy.sum(2)]

    def input_gradient(self, memory: Memory) -> Tensor:
        return self._sum_columns(memory.shape, memory.weight.mT @ memory.dy)

    def r_forward(self, memory: Memory, rx: Tensor | None) -> Tensor:
        memory.r_weight, r_bias = self._matrices(memory.shape, memory.direction)
        ry = r_bias.baddbmm(memory.r_weight, memory.u)
        if rx is not None:
            ry = ry.baddbmm_(memory.weight, self._columns(memory.shape, rx))
        return ry.reshape(-1, *memory.output_shape)

    def r_backward(self, memory: Memory, rdy: Tensor) -> Tensor:
        through_weight = memory.r_weight.mT @ memory.dy
        ru = through_weight.baddbmm_(memory.weight.mT, rdy.reshape(memory.dy.shape))
        return self._sum_columns(memory.shape, ru)


@dataclass(frozen=True)
class Conv(_Affine):
    """Square 2-d convolution with bias, as a matrix product with the windows of its input."""

    name: str
    channels: int
    kernel: int
    stride: int
    padding: int

    @property
    def detail(self) -> str:
        return f"{self.kernel}×{self.kernel}, stride {self.stride}"

    def output_shape(self, shape: Shape) -> Shape:
        side = [(n + 2 * self.padding - self.kernel) // self.stride + 1 for n in shape[1:]]
        return (self.channels, *side)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        kernel = (self.channels, shape[0], self.kernel, self.kernel)
        return {f"{self.name}.weight": kernel, f"{self.name}.bias": (self.channels,)}

    def apply(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        weight, bias = parameters[f"{self.name}.weight"], parameters[f"{self.name}.bias"]
        return _functional().conv2d(x, weight, bias, stride=self.stride, padding=self.padding)

    def _columns(self, shape: Shape, x: Tensor) -> Tensor:
        """[B * n, C, H, W] to [B * n, C * kernel^2, h * w], as torch's `unfold` but in one copy."""
        _, height, width = self.output_shape(shape)
        x = _functional().pad(x, (self.padding,) * 4)
        b, c, i, j = x.stride()
        windows = x.as_strided(
            (*x.shape[:2], self.kernel, self.kernel, height, width),
            (b, c, i, j, i * self.stride, j * self.stride),
        )
        return windows.reshape(len(x), -1, height * width)

    def _sum_columns(self, shape: Shape, u: Tensor) -> Tensor:
        return _functional().fold(
            u, shape[1:], self.kernel, padding=self.padding, stride=self.stride
        )


@dataclass(frozen=True)
class Linear(_Affine):
    """Affine map of a row of features."""

    name: str
    outputs: int

    @property
    def detail(self) -> str:
        return self.name

    def output_shape(self, shape: Shape) -> Shape:
        return (self.outputs,)

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        weight = (self.outputs, *shape)
        return {f"{self.name}.weight": weight, f"{self.name}.bias": (self.outputs,)}

    def apply(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        weight, bias = parameters[f"{self.name}.weight"], parameters[f"{self.name}.bias"]
        return _functional().linear(x, weight, bias)


class _WithoutParameters(Layer):
    """What layers without parameters have in common."""

    def transpose(self, memory: Memory, dy: Tensor) -> Tensor:
        """The layer's derivative at x, transposed, times dy."""
        raise NotImplementedError

    def backward(self, memory: Memory, dy: Tensor) -> list[Tensor]:
        memory.dx = self.transpose(memory, dy)
        return []

    def input_gradient(self, memory: Memory) -> Tensor:
        return memory.dx

    def r_backward(self, memory: Memory, rdy: Tensor) -> Tensor:
        return self.transpose(memory, rdy)


class LinearMap(_WithoutParameters):
    """A fixed linear map of the features: `output_shape`, `apply` and `transpose`."""

    def forward(self, memory: Memory, x: Tensor) -> Tensor:
        return self.apply({}, x)

    def r_forward(self, memory: Memory, rx: Tensor | None) -> Tensor:
        assert rx is not None  # a network does not begin with it
        return self.apply({}, rx)


class _Elementwise(_WithoutParameters):
    """What layers have in common whose derivative is a factor for every feature."""

    def factor(self, memory: Memory) -> Tensor:
        """The derivative at x."""
        raise NotImplementedError

    def transpose(self, memory: Memory, dy: Tensor) -> Tensor:
        return dy * self.factor(memory)

    def backward(self, memory: Memory, dy: Tensor) -> list[Tensor]:
        memory.dy = dy
        return super().backward(memory, dy)

    def r_forward(self, memory: Memory, rx: Tensor | None) -> Tensor:
        assert rx is not None  # a network does not begin with it
        memory.rx = rx
        return rx * self.factor(memory)


class Activation(_Elementwise):
    """A function of every feature by itself: `apply`, `slope`, and `bend` if it is curved."""

    gain = 2**0.5

    invertible = False
    """Whether it has an `inverse`."""

    def can_be_zero(self, inputs: bool) -> bool:
        return False

    def can_be_negative(self, inputs: bool) -> bool:
        return True

    def inverse(self, y: Tensor) -> Tensor:
        """The x with the values y; not finite where there is none."""
        raise NotImplementedError

    def slope(self, x: Tensor, y: Tensor) -> Tensor:
        """The function's derivative at x, where its value is y."""
        raise NotImplementedError

    def bend(self, memory: Memory) -> Tensor | None:
        """The second derivative at x times dy times rx, or None if it is zero everywhere.

        From `memory.x`, `y`, `slope`, `rx`, `dy` and `dx`, which is dy times the slope.
        """
        return None

    def forward(self, memory: Memory, x: Tensor) -> Tensor:
        memory.x, memory.y = x, self.apply({}, x)
        memory.slope = self.slope(x, memory.y)
        return memory.y

    def factor(self, memory: Memory) -> Tensor:
        return memory.slope

    def r_backward(self, memory: Memory, rdy: Tensor) -> Tensor:
        bend = self.bend(memory)
        return rdy * memory.slope if bend is None else bend.addcmul(rdy, memory.slope)


@dataclass(frozen=True)
class Sigmoid(Activation):
    """Elementwise logistic function."""

    gain = 4.0

    invertible = True

    def can_be_negative(self, inputs: bool) -> bool:
        return False

    def apply(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return x.sigmoid()

    def inverse(self, y: Tensor) -> Tensor:
        return y.logit()

    def slope(self, x: Tensor, y: Tensor) -> Tensor:
        return y.addcmul(y, y, value=-1)

    def bend(self, memory: Memory) -> Tensor:
        # The second derivative is slope * (1 - 2 y).
        change = memory.dx * memory.rx
        return change.addcmul(change, memory.y, value=-2)


@dataclass(frozen=True)
class ReLU(Activation):
    """Elementwise rectifier."""

    def can_be_zero(self, inputs: bool) -> bool:
        return True

    def can_be_negative(self, inputs: bool) -> bool:
        return False

    def apply(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return x.relu()

    def slope(self, x: Tensor, y: Tensor) -> Tensor:
        return x > 0


@dataclass(frozen=True)
class Flatten(LinearMap):
    """All features of an image in one row."""

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def apply(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return x.flatten(-3)

    def transpose(self, memory: Memory, dy: Tensor) -> Tensor:
        return dy.reshape(-1, *memory.shape)


@dataclass(frozen=True)
class Dropout(_Elementwise):
    """Place where a mask is multiplied in; which features it drops is decided by the caller."""

    def forward(self, memory: Memory, x: Tensor) -> Tensor:
        memory.x = x
        return x * memory.mask

    def factor(self, memory: Memory) -> Tensor:
        return memory.mask

    def r_backward(self, memory: Memory, rdy: Tensor) -> Tensor:
        memory.rdy = rdy
        return super().r_backward(memory, rdy)

    def mask_gradient(self, memory: Memory) -> Tensor:
        """The derivative of the gradient with respect to the mask, after `r_backward`."""
        # That gradient is dy x; both depend on the parameters.
        return memory.rdy * memory.x + memory.dy * memory.rx
