"""Gradients of weights as products, which are never formed for all of a network at once.

The gradient of the weights of a linear layer or a convolution is E X^T, of the errors E behind it
and its inputs X, summed over the places where it is applied. These are far smaller than the
product, of which distances need a part at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from dropleak.engine.backends.autograd.low_rank import LowRank


class Product(ABC):
    """The gradients of one weight for B clients, as factors."""

    @abstractmethod
    def formed(self) -> Tensor:
        """The product, [B, O, K]."""

    @abstractmethod
    def scaled(self, scale: Tensor) -> Self:
        """The same times numbers [B]."""

    @abstractmethod
    def split(self, calls: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """The errors and inputs of each call of a layer, shaped as given."""

    @abstractmethod
    def transposed(self, direction: Tensor) -> Self:
        """The gradients by the factors of a function, from that by the product, [B, O, K]."""

    def squared_difference(self, shared: Tensor | LowRank) -> tuple[Tensor, Self]:
        """Squared Euclidean distance of the product from shared gradients [B, O, K].

        Returns:
            [B], and its gradients by the factors.
        """
        assert isinstance(shared, Tensor)  # see `FactoredAutograd.split`
        difference = self.formed() - shared
        flat = difference.flatten(1)
        return torch.linalg.vecdot(flat, flat), self.transposed(2 * difference)

    def inner_products(self, shared: Tensor | LowRank) -> InnerProducts:
        """Of the product with itself, and with shared gradients [B, O, K]."""
        assert isinstance(shared, Tensor)  # as above
        product = self.formed()

        def combined(own: Tensor, by_shared: Tensor) -> Product:
            direction = own[:, None, None] * product + by_shared[:, None, None] * shared
            return self.transposed(direction)

        return InnerProducts(product.square().sum((1, 2)), (product * shared).sum((1, 2)), combined)


@dataclass(frozen=True)
class InnerProducts:
    """Those of products and shared gradients, and what functions of them need."""

    own: Tensor  # [B], with itself
    shared: Tensor  # [B], with shared gradients
    combined: Callable[[Tensor, Tensor], Product]
    """The gradient of a function with these derivatives by half of `own`, and by `shared`, [B]."""


@dataclass(frozen=True)
class Factors(Product):
    """A product of two matrices, E X^T."""

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

    def scaled(self, scale: Tensor) -> Factors:
        """Those of the gradients times numbers [B]."""
        return Factors(self.errors * scale[:, None, None], self.inputs)

    def split(self, calls: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """The reverse of `of`."""
        return list(
            zip(
                _split(self.errors, [errors for errors, _ in calls]),
                _split(self.inputs, [inputs for _, inputs in calls]),
                strict=True,
            )
        )

    def formed(self) -> Tensor:
        """See `Product`; so for the others."""
        return self.errors @ self.inputs.mT

    def transposed(self, direction: Tensor | LowRank) -> Factors:
        if isinstance(direction, LowRank):
            return Factors(direction @ self.inputs, direction.mT @ self.errors)
        slope = Factors(torch.empty_like(self.errors), torch.zeros_like(self.inputs))
        for clients, rows in self.blocks():
            block = direction[clients, rows]
            slope.errors[clients, rows] = block @ self.inputs[clients]
            slope.inputs[clients] += block.mT @ self.errors[clients, rows]
        return slope

    def squared_difference(self, shared: Tensor | LowRank) -> tuple[Tensor, Factors]:
        """From numbers, a part of the difference at a time; or from factors."""
        if isinstance(shared, LowRank):
            return self._from_factors(shared)
        value = self.errors.new_zeros(len(self.errors))
        slope = Factors(torch.empty_like(self.errors), torch.zeros_like(self.inputs))
        for clients, rows in self.blocks():
            errors, inputs = self.errors[clients, rows], self.inputs[clients]
            difference = errors @ inputs.mT
            difference -= shared[clients, rows]
            flat = difference.flatten(-2)
            value[clients] += torch.linalg.vecdot(flat, flat)
            slope.errors[clients, rows] = 2 * (difference @ inputs)
            slope.inputs[clients] += 2 * (difference.mT @ errors)
        return value, slope

    def _from_factors(self, shared: LowRank) -> tuple[Tensor, Factors]:
        """Squared distance from L R^T with R^T R = 1, and its gradients.

        With X = R C + N, of which N is orthogonal to R, the difference E X^T - L R^T is
        M R^T + E N^T for M = E C^T - L. Its two terms are orthogonal, so the square is a sum of
        squares, of which nothing cancels where the difference is small.
        """
        left, right = shared
        common = right.mT @ self.inputs
        rest = self.inputs - right @ common
        part = self.errors @ common.mT - left
        own, others = self.errors.mT @ self.errors, rest.mT @ rest
        value = part.square().sum((1, 2)) + (own * others).sum((1, 2))
        by_errors = part @ common + self.errors @ others
        by_inputs = right @ (part.mT @ self.errors) + rest @ own
        return value, Factors(2 * by_errors, 2 * by_inputs)

    def inner_products(self, shared: Tensor | LowRank) -> InnerProducts:
        """Without the product itself if it has more numbers than its factors."""
        if isinstance(shared, LowRank):
            return self._unformed(shared)
        formed = self.errors[0].numel() + self.inputs[0].numel() > shared[0].numel()
        return super().inner_products(shared) if formed else self._unformed(shared)

    def _unformed(self, shared: Tensor | LowRank) -> InnerProducts:
        """With |E X^T|^2 = <E^T E, X^T X>, and E X^T X for its gradient."""
        errors, inputs = self.errors, self.inputs
        own_errors, own_inputs = errors @ (inputs.mT @ inputs), inputs @ (errors.mT @ errors)
        slope = self.transposed(shared)

        def combined(own: Tensor, by_shared: Tensor) -> Factors:
            own, by_shared = own[:, None, None], by_shared[:, None, None]
            return Factors(
                own * own_errors + by_shared * slope.errors,
                own * own_inputs + by_shared * slope.inputs,
            )

        own, overlap = (errors * own_errors).sum((1, 2)), (errors * slope.errors).sum((1, 2))
        return InnerProducts(own, overlap, combined)

    def blocks(self) -> list[tuple[slice | int, slice]]:
        """Clients and rows of the product, in parts that stay in a processor's cache.

        A client on its own has a number, as torch multiplies two matrices faster than batches of
        one.
        """
        clients, rows, columns = len(self.errors), self.errors.shape[1], self.inputs.shape[1]
        room = CACHED if self.errors.device.type == "cpu" else _HELD
        many = max(1, room // (rows * columns))
        some = rows if many > 1 else max(1, min(rows, room // columns))
        return [
            (slice(first, first + many) if many > 1 else first, slice(row, row + some))
            for first in range(0, clients, many)
            for row in range(0, rows, some)
        ]


CACHED, _HELD = 2**18, 2**28
"""Numbers that stay in a processor's cache, and of a product those that are computed at a time
elsewhere."""


def _split(joined: Tensor, parts: Sequence[Tensor]) -> list[Tensor]:
    """[B, K, R] to tensors of the shapes of the parts, [B, n, K, L]."""
    sizes = [part.shape[1] * part.shape[3] for part in parts]
    return [
        own.unflatten(2, (part.shape[1], -1)).transpose(1, 2)
        for own, part in zip(joined.split(sizes, 2), parts, strict=True)
    ]
