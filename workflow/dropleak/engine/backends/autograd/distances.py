"""Distances of gradients that are partly products, without forming these."""

from collections.abc import Callable

from torch import Tensor

from dropleak.engine.attack.distances import cosine, euclidean
from dropleak.engine.backends.autograd.factored import FactoredGradients, SharedGradients
from dropleak.engine.backends.autograd.factors import Product

FactoredDistance = Callable[
    [FactoredGradients, SharedGradients], tuple[Tensor, Tensor, list[Product]]
]
"""To the distances [B], and their gradients by rows and by factors."""


def _euclidean(
    own: FactoredGradients, shared: SharedGradients
) -> tuple[Tensor, Tensor, list[Product]]:
    value, direction = euclidean(own.rows, shared.rows)
    pairs = zip(own.factors, shared.matrices, strict=True)
    parts = [product.squared_difference(other) for product, other in pairs]
    return value + sum(part for part, _ in parts), direction, [slope for _, slope in parts]


def _cosine(
    own: FactoredGradients, shared: SharedGradients
) -> tuple[Tensor, Tensor, list[Product]]:
    pairs = zip(own.factors, shared.matrices, strict=True)
    parts = [product.inner_products(other) for product, other in pairs]
    square = own.rows.square().sum(1) + sum(part.own for part in parts)
    overlap = (own.rows * shared.rows).sum(1) + sum(part.shared for part in parts)
    size, shared_size = (total.sqrt().clamp(min=1e-20) for total in (square, shared.squares))
    similarity = overlap / (size * shared_size)
    by_own, by_shared = similarity / size.square(), -1 / (size * shared_size)
    direction = by_own[:, None] * own.rows + by_shared[:, None] * shared.rows
    return 1 - similarity, direction, [part.combined(by_own, by_shared) for part in parts]


FACTORED_DISTANCES: dict[Callable[..., object], FactoredDistance] = {
    euclidean: _euclidean,
    cosine: _cosine,
}
"""By the function that takes the distance of rows."""
