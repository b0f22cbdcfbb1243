"""A kind of layer: everything about it is in one class.

Shapes, function, the four passes of an attack (see `passes.py`), and what attackers and training
need to know. In the passes x is a layer's input, y its output, dy the gradient of the loss with
respect to y, and a leading r the derivative in a direction of the parameters. They come in this
order, with B * n images of B clients in front, and a layer keeps in its `Memory` what later passes
need.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]


class Memory(SimpleNamespace):
    """What a layer keeps from one pass to the next; each kind adds attributes of its own.

    Attributes:
        shape: of the layer's input, without the batch.
        parameters: of the layer, [B * n, P].
        direction: the same of the direction, for the R-passes.
        mask: of a dropout layer, [B * n, *shape].
    """

    parameters: Tensor
    direction: Tensor
    mask: Tensor

    def __init__(self, shape: Shape):
        super().__init__(shape=shape)


class Layer:
    """A kind of layer."""

    gain = 1.0
    """Factor of Xavier's initial weights; a network has the largest one of its layers."""

    @property
    def detail(self) -> str:
        """What Figure 1 says beside the kind's name."""
        return ""

    def output_shape(self, shape: Shape) -> Shape:
        """Of an image's features behind the layer, from that before it."""
        return shape

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Shape of every parameter, for inputs of a shape.

        Names are `<name>.weight`, of two dimensions at least, and `<name>.bias`: initial values go
        by that.
        """
        return {}

    def multiplications(self, shape: Shape) -> int:
        """Of the forward pass of an image: a guess at the cost."""
        return 0

    def can_be_zero(self, inputs: bool) -> bool:
        """Whether features behind the layer can be zero, if those before it can or cannot."""
        return inputs

    def can_be_negative(self, inputs: bool) -> bool:
        """Whether features behind the layer can be negative, if those before it can or cannot."""
        return inputs

    def apply(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """The layer's function, for automatic differentiation.

        Args:
            parameters: shaped as `parameter_shapes` says, by name.
            x: [..., *shape], with at most one leading dimension.

        Returns:
            [..., *output_shape]
        """
        raise NotImplementedError

    def prepare(self, memory: Memory) -> None:
        """Called once for the parameters of `memory`, before any pass."""

    def forward(self, memory: Memory, x: Tensor) -> Tensor:
        """y of x, [B * n, *shape]."""
        raise NotImplementedError

    def backward(self, memory: Memory, dy: Tensor) -> list[Tensor]:
        """Gradients of the parameters of dy, [B * n, ...] each."""
        raise NotImplementedError

    def input_gradient(self, memory: Memory) -> Tensor:
        """The gradient with respect to x, after `backward`."""
        raise NotImplementedError

    def r_forward(self, memory: Memory, rx: Tensor | None) -> Tensor:
        """ry of rx; None, of a first layer's, is zero."""
        raise NotImplementedError

    def r_backward(self, memory: Memory, rdy: Tensor) -> Tensor:
        """The derivative of the gradient with respect to x."""
        raise NotImplementedError
