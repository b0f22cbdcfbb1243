"""Gradients of the weights of a convolution, by convolutions.

They are a product of the errors and the columns that `unfold` makes of the inputs, and columns are
as many times the inputs as the kernel has elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.nn.grad import conv2d_input, conv2d_weight

from dropleak.engine.backends.autograd.factors import Product


@dataclass(frozen=True)
class Convolution(Product):
    """The product of errors and columns of a weight that one convolution uses, without columns.

    Clients take turns, as each has another product.
    """

    errors: Tensor  # [B, n, O, h, w]
    inputs: Tensor  # [B, n, C, H, W]
    weight: torch.Size
    options: Mapping[str, Any]
    """Stride, padding and dilation."""

    def split(self, calls: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """See `Product`; so for the others."""
        return [(self.errors, self.inputs)]

    def scaled(self, scale: Tensor) -> Convolution:
        return replace(self, errors=self.errors * scale[:, None, None, None, None])

    def formed(self) -> Tensor:
        products = [
            conv2d_weight(inputs, self.weight, errors, **self.options)
            for errors, inputs in self._clients()
        ]
        return torch.stack(products).flatten(2)

    def transposed(self, direction: Tensor) -> Convolution:
        weights = direction.unflatten(2, self.weight[1:])
        by_errors, by_inputs = [], []
        for weight, (errors, inputs) in zip(weights, self._clients(), strict=True):
            by_errors.append(conv2d(inputs, weight, **self.options))
            by_inputs.append(conv2d_input(inputs.shape, weight, errors, **self.options))
        return replace(self, errors=torch.stack(by_errors), inputs=torch.stack(by_inputs))

    def _clients(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(self.errors, self.inputs, strict=True)
