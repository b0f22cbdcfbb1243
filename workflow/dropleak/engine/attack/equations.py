"""The linear equations for a layer's input that its output and its gradient give, for one image.

Let y be the output, and dy the gradient of the loss with respect to it. The gradient dW of the
layer's weight and y itself are both linear in the input,

    dy u^T = dW,    W u = y - b,

where u is the input of a linear layer, or the windows of that of a convolution. R-GAP (Zhu and
Blaschko 2021) stacks the same two, for networks without biases.

The layer's own passes compute them: forward and backward the left-hand side, and R-backward its
transpose, as that is the derivative of dW.v + y.w with respect to the input, for any directions v
of the weight and w of the output.
"""

from math import prod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dropleak.engine.models.layer import Memory, Shape
from dropleak.engine.models.layers import Conv, Linear

GREY = 0.5
"""The middle of the range of pixels and of sigmoids: of all solutions the nearest is taken."""


class Signal(NamedTuple):
    """What is known of an image's features between two layers: [1, *shape] each."""

    value: Tensor
    weight: Tensor
    """Of the equations for `value`, by its precision; 0 where it is not known."""
    gradient: Tensor
    """Of the loss with respect to the features."""


class Equations:
    """Equations for a layer's input, scaled to be of the size of an entry of it.

    Args:
        layer: whose input is looked for.
        shape: of the input, without the batch.
        parameters: of the layer, [1, P].
        gradient: of its weight, shaped as that.
        behind: what is known of its output.
        smoothness: weight of the equations that neighbouring entries are equal.

    Attributes:
        right: the right-hand side, a row.
    """

    def __init__(
        self,
        layer: Conv | Linear,
        shape: Shape,
        parameters: Tensor,
        gradient: Tensor,
        behind: Signal,
        smoothness: float = 0.0,
    ):
        self._layer, self._behind, self._smoothness = layer, behind, smoothness
        self._memory, nothing = Memory(shape), parameters.new_zeros(1, *shape)
        self._memory.parameters = parameters
        layer.prepare(self._memory)
        self._constant = layer.forward(self._memory, nothing)
        norm = behind.gradient.norm()
        self._scale = behind.gradient.shape[1] ** 0.5 / norm if norm else norm
        differences = torch.zeros_like(self._differences(nothing))
        self.right = self._rows(gradient, behind.value - self._constant, differences)

    def left(self, x: Tensor) -> Tensor:
        """The left-hand side for an input [1, *shape], as a row."""
        y = self._layer.forward(self._memory, x)
        gradient, _ = self._layer.backward(self._memory, self._behind.gradient)
        return self._rows(gradient, y - self._constant, self._differences(x))

    def transposed(self, row: Tensor) -> Tensor:
        """The transpose of `left` times a row, [1, *shape], once `left` has been called."""
        bias = self._behind.gradient.shape[1]
        sizes = self._memory.parameters.shape[1] - bias, self._constant.numel()
        gradient, y, differences = row.split([*sizes, len(row) - sum(sizes)])
        self._memory.direction = F.pad(gradient * self._scale, (0, bias))[None]
        self._layer.r_forward(self._memory, None)
        dy = y.reshape(self._constant.shape) * self._behind.weight
        return self._layer.r_backward(self._memory, dy) + self._summed(differences)

    def solve(self, tolerance: float) -> Signal:
        """The input by least squares, and the gradient of the loss with respect to it.

        By LSMR (Fong and Saunders 2011), as the equations are many and sparse.

        Args:
            tolerance: relative precision of the right-hand side.
        """
        from scipy.sparse.linalg import LinearOperator, lsmr  # slow to import

        shape = (1, *self._memory.shape)

        def left(x: NDArray) -> NDArray:
            return self.left(torch.from_numpy(x).reshape(shape)).numpy()

        def transposed(row: NDArray) -> NDArray:
            return self.transposed(torch.from_numpy(row)).flatten().numpy()

        operator = LinearOperator(
            (len(self.right), prod(shape)), matvec=left, rmatvec=transposed, dtype=np.float64
        )
        start = np.full(prod(shape), GREY)
        x, *_ = lsmr(
            operator, self.right.numpy(), atol=tolerance, btol=tolerance, conlim=0, x0=start
        )
        found = torch.from_numpy(x).reshape(shape)
        self.left(found)
        return Signal(found, torch.ones_like(found), self._layer.input_gradient(self._memory))

    def _rows(self, gradient: Tensor, y: Tensor, differences: Tensor) -> Tensor:
        weighted = gradient * self._scale, y * self._behind.weight, differences
        return torch.cat([part.flatten() for part in weighted])

    def _differences(self, x: Tensor) -> Tensor:
        """Weighted differences of neighbours along height and width, as a row."""
        if not self._smoothness:
            return x.new_empty(0)
        return self._smoothness * torch.cat([x.diff(dim=axis).flatten() for axis in (2, 3)])

    def _summed(self, differences: Tensor) -> Tensor:
        """The transpose of `_differences`, [1, *shape]."""
        if not self._smoothness:
            return differences.new_zeros(())
        c, h, w = self._memory.shape
        down, across = differences.split([c * (h - 1) * w, c * h * (w - 1)])
        down = F.pad(down.reshape(1, c, h - 1, w), (0, 0, 1, 1)).diff(dim=2)
        across = F.pad(across.reshape(1, c, h, w - 1), (1, 1)).diff(dim=3)
        return -self._smoothness * (down + across)
