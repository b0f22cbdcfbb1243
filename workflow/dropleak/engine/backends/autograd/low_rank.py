"""Shared gradients of weights as products of two thin matrices, where they are that to rounding.

The gradient of a weight that a layer applies at R places has a rank of at most R: one, for a
linear layer and one image. Unless a defence has changed it, its factors tell all of it in
R (O + K) numbers instead of O K.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dropleak.engine import rng

ROUNDING = 10
"""By how many machine epsilons of its norm a matrix may differ from the product in its place."""


class LowRank(NamedTuple):
    """Matrices L R^T of B clients."""

    left: Tensor  # [B, O, R]
    right: Tensor  # [B, K, R]

    @property
    def mT(self) -> LowRank:  # noqa: N802, named as that of tensors
        """Transposed."""
        return LowRank(self.right, self.left)

    def __matmul__(self, other: Tensor) -> Tensor:
        """Times matrices [B, K, M]."""
        return self.left @ (self.right.mT @ other)


def low_rank(matrices: Tensor, rank: int) -> LowRank | None:
    """Products of this rank in place of matrices [B, O, K]; None if one of them is none.

    Subspace iteration from random rows (Halko, Martinsson and Tropp 2011, algorithm 4.4 with one
    iteration), which is exact to rounding if the rank is. The columns of `right` are orthonormal.
    """
    outputs = matrices.shape[1]
    start = rng.normal(torch.tensor(0), outputs * rank).reshape(outputs, rank).to(matrices)
    found = []
    for matrix in matrices:
        left = matrix @ torch.linalg.qr(matrix.mT @ start).Q
        right = torch.linalg.qr(matrix.mT @ torch.linalg.qr(left).Q).Q
        left = matrix @ right
        error = torch.linalg.vector_norm(left @ right.mT - matrix)
        bound = ROUNDING * torch.finfo(matrix.dtype).eps * torch.linalg.vector_norm(matrix)
        if not error <= bound:
            return None
        found.append((left, right))
    return LowRank(*(torch.stack(parts) for parts in zip(*found, strict=True)))
