"""Gradients of weights as products, which are never formed for all of a network at once.

The gradient of the weights of a linear layer or a convolution is E X^T, of the errors E behind it
and its inputs X, summed over the places where it is applied. These are far smaller than the
product, of which distances need a part at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Factors:
    """The gradients of one weight, E X^T, for B clients."""

    errors: Tensor  # [B, O, R]
    inputs: Tensor  # [B, K, R]

    @classmethod
    def of(cls, calls: Sequence[tuple[Tensor, Tensor]]) -> Factors:
        """From errors [B, n, O, L] and columns [B, n, K, L] of one call or several."""
        joined = (
            torch.cat([part.transpose(1, 2).flatten(2) for part in parts], 2)
            if len(parts) > 1
            else parts[0].transpose(1, 2).flatten(2)
            for parts in zip(*calls, strict=True)
        )
        return cls(*joined)

    def split(self, calls: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """The reverse of `of`, shaped as the calls."""
        return list(
            zip(
                _split(self.errors, [errors for errors, _ in calls]),
                _split(self.inputs, [inputs for _, inputs in calls]),
                strict=True,
            )
        )

    def blocks(self) -> list[tuple[slice | int, slice]]:
        """Clients and rows of the product, in parts that stay in a processor's cache.

        A client on its own has a number, as torch multiplies two matrices faster than batches of
        one.
        """
        clients, rows, columns = len(self.errors), self.errors.shape[1], self.inputs.shape[1]
        room = _CACHED if self.errors.device.type == "cpu" else _HELD
        many = max(1, room // (rows * columns))
        some = rows if many > 1 else max(1, min(rows, room // columns))
        return [
            (slice(first, first + many) if many > 1 else first, slice(row, row + some))
            for first in range(0, clients, many)
            for row in range(0, rows, some)
        ]


_CACHED, _HELD = 2**18, 2**28
"""Numbers of a product that are computed at a time, on a CPU and elsewhere."""


def _split(joined: Tensor, parts: Sequence[Tensor]) -> list[Tensor]:
    """[B, K, R] to tensors of the shapes of the parts, [B, n, K, L]."""
    sizes = [part.shape[1] * part.shape[3] for part in parts]
    return [
        own.unflatten(2, (part.shape[1], -1)).transpose(1, 2)
        for own, part in zip(joined.split(sizes, 2), parts, strict=True)
    ]


def squared_difference(factors: Factors, shared: Tensor) -> tuple[Tensor, Factors]:
    """Squared Euclidean distance of the product from shared gradients [B, O, K].

    Returns:
        [B], and its gradients.
    """
    value = factors.errors.new_zeros(len(factors.errors))
    slope = Factors(torch.empty_like(factors.errors), torch.zeros_like(factors.inputs))
    for clients, rows in factors.blocks():
        errors, inputs = factors.errors[clients, rows], factors.inputs[clients]
        difference = errors @ inputs.mT
        difference -= shared[clients, rows]
        flat = difference.flatten(-2)
        value[clients] += torch.linalg.vecdot(flat, flat)
        slope.errors[clients, rows] = 2 * (difference @ inputs)
        slope.inputs[clients] += 2 * (difference.mT @ errors)
    return value, slope


@dataclass(frozen=True)
class Products:
    """Inner products of the product E X^T."""

    own: Tensor  # [B], with itself
    shared: Tensor  # [B], with shared gradients
    combined: Callable[[Tensor, Tensor], Factors]
    """The gradient of a function with these derivatives by half of `own`, and by `shared`, [B]."""


def products(factors: Factors, shared: Tensor) -> Products:
    """Of a product and shared gradients [B, O, K]."""
    places = factors.errors.shape[2]
    longer = places * (factors.errors.shape[1] + factors.inputs.shape[1])
    return (_formed if longer > shared[0].numel() else _unformed)(factors, shared)


def _formed(factors: Factors, shared: Tensor) -> Products:
    """With the product itself, which has fewer numbers than its factors."""
    errors, inputs = factors.errors, factors.inputs
    product = errors @ inputs.mT

    def combined(own: Tensor, by_shared: Tensor) -> Factors:
        direction = own[:, None, None] * product + by_shared[:, None, None] * shared
        return Factors(direction @ inputs, direction.mT @ errors)

    return Products(product.square().sum((1, 2)), (product * shared).sum((1, 2)), combined)


def _unformed(factors: Factors, shared: Tensor) -> Products:
    """With |E X^T|^2 = <E^T E, X^T X>, and E X^T X for its gradient."""
    errors, inputs = factors.errors, factors.inputs
    own_errors, own_inputs = errors @ (inputs.mT @ inputs), inputs @ (errors.mT @ errors)
    by_errors, by_inputs = torch.empty_like(errors), torch.zeros_like(inputs)
    for clients, rows in factors.blocks():
        block = shared[clients, rows]
        by_errors[clients, rows] = block @ inputs[clients]
        by_inputs[clients] += block.mT @ errors[clients, rows]

    def combined(own: Tensor, by_shared: Tensor) -> Factors:
        own, by_shared = own[:, None, None], by_shared[:, None, None]
        return Factors(
            own * own_errors + by_shared * by_errors, own * own_inputs + by_shared * by_inputs
        )

    return Products((errors * own_errors).sum((1, 2)), (errors * by_errors).sum((1, 2)), combined)
