"""Calls of linear layers and convolutions, as products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Layer:
    """A call of a linear layer or of a convolution."""

    weight: str
    shape: torch.Size
    """Of the weight."""
    window: dict[str, Any] | None
    """Of a convolution: stride, padding and dilation."""
    output: torch.Size
    """Shape of what it returns for a client's images."""
    columns: int
    """Numbers in the columns of a client's images."""
    unfolds: bool = True
    """Whether inputs and errors are made into columns; or stay as they are."""

    def to_columns(self, x: Tensor) -> Tensor:
        """Its inputs [B, n, ...] as [B, n, K, L], one column for each place it is applied to."""
        if not self.unfolds:
            return x
        if self.window is None:
            return x.reshape(*x.shape[:2], -1, x.shape[-1]).mT
        return F.unfold(x.flatten(0, 1), self.shape[2:], **self.window).unflatten(0, x.shape[:2])

    def from_columns(self, columns: Tensor, shape: torch.Size) -> Tensor:
        """The transpose of `to_columns`, to [B, n, ...] of a shape."""
        if not self.unfolds:
            return columns
        if self.window is None:
            return columns.mT.reshape(shape)
        images = F.fold(columns.flatten(0, 1), shape[-2:], self.shape[2:], **self.window)
        return images.reshape(shape)

    def to_errors(self, dy: Tensor) -> Tensor:
        """Gradients of its outputs [B, n, ...] as [B, n, O, L]."""
        if not self.unfolds:
            return dy
        if self.window is None:
            return dy.reshape(*dy.shape[:2], -1, dy.shape[-1]).mT
        return dy.flatten(3)

    def from_errors(self, errors: Tensor, shape: torch.Size) -> Tensor:
        """The transpose of `to_errors`."""
        if not self.unfolds:
            return errors
        return (errors.mT if self.window is None else errors).reshape(shape)


class Recorder(TorchFunctionMode):
    """Notes calls of layers, and adds something to what they return.

    Args:
        weights: by name, constants of which calls are noted.
        added: to the outputs of the calls, in their order; None to add nothing.
    """

    def __init__(self, weights: Mapping[str, Tensor], added: Sequence[Tensor] | None = None):
        super().__init__()
        self._names = {id(weight): name for name, weight in weights.items()}
        self._added = added
        self.layers: list[Layer] = []
        self.inputs: list[Tensor] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        call = _CALLS[func](*args, **kwargs) if func in _CALLS else None
        name = None if call is None else self._names.get(id(call.weight))
        if call is None or name is None:
            return func(*args, **kwargs)
        result = call.result()
        columns = result.numel() // len(call.weight) * call.weight[0].numel()
        self.layers.append(Layer(name, call.weight.shape, call.window, result.shape, columns))
        self.inputs.append(call.x)
        offset = call.offset
        if self._added is not None:
            zeros = self._added[len(self.inputs) - 1]
            offset = zeros if offset is None else zeros + offset
        return result if offset is None else result + offset


@dataclass(frozen=True)
class _Call:
    x: Tensor
    weight: Tensor
    result: Callable[[], Tensor]
    """Without a bias."""
    offset: Tensor | None
    """The bias, broadcastable to the result."""
    window: dict[str, Any] | None


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> _Call:
    return _Call(input, weight, lambda: F.linear(input, weight), bias, None)


def _conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> _Call:
    """Those with groups are of weights that are not noted."""
    return _Call(
        input,
        weight,
        lambda: F.conv2d(input, weight, None, stride, padding, dilation),
        None if bias is None else bias[:, None, None],
        {"stride": stride, "padding": padding, "dilation": dilation},
    )


_CALLS: dict[Callable[..., Any], Callable[..., _Call]] = {F.linear: _linear, F.conv2d: _conv2d}
