"""Matrices that are products of thin ones are found to be, and distances from them are the same."""

import pytest
import torch

from dropleak.engine.backends.autograd.factors import Factors
from dropleak.engine.backends.autograd.low_rank import low_rank


def product(rank, dtype=torch.float64):
    """Of three clients, [3, 8, 11], with singular values of several magnitudes."""
    torch.manual_seed(0)
    left, right = torch.randn(3, 8, rank).to(dtype), torch.randn(3, 11, rank).to(dtype)
    return left * 10.0 ** -torch.arange(rank), right


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rank", [1, 4])
def test_products_are_found(rank, dtype):
    left, right = product(rank, dtype)
    matrices = left @ right.mT
    for most in (rank, rank + 2):
        found = low_rank(matrices, most)
        torch.testing.assert_close(found.left @ found.right.mT, matrices)
        torch.testing.assert_close(
            found.right.mT @ found.right, torch.eye(most, dtype=dtype).expand(3, -1, -1)
        )
        torch.testing.assert_close(found.mT @ left, matrices.mT @ left)


def test_what_is_no_product_of_this_rank_is_left_alone():
    left, right = product(4)
    matrices = left @ right.mT
    assert low_rank(matrices, 3) is None
    matrices[1, 0, 0] += 1e-12
    assert low_rank(matrices, 4) is None
    matrices[1, 0, 0] = torch.nan
    assert low_rank(matrices, 4) is None


def test_a_gradient_of_zero_is_a_product():
    left, right = low_rank(torch.zeros(2, 5, 7), 2)
    assert not (left @ right.mT).any()


@pytest.mark.parametrize("places", [1, 2, 9])
def test_distances_from_factors_are_those_from_numbers(places):
    shared = torch.matmul(*(part.mT if n else part for n, part in enumerate(product(2))))
    own = Factors(torch.randn(3, 8, places).double(), torch.randn(3, 11, places).double())
    factored = low_rank(shared, 2)
    value, slope = own.squared_difference(factored)
    expected, expected_slope = own.squared_difference(shared)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope.errors, expected_slope.errors)
    torch.testing.assert_close(slope.inputs, expected_slope.inputs)
    found, expected = own.inner_products(factored), own.inner_products(shared)
    torch.testing.assert_close(found.shared, expected.shared)
    one = torch.ones(3).double()
    slope, expected_slope = found.combined(one, -one), expected.combined(one, -one)
    torch.testing.assert_close(slope.errors, expected_slope.errors)
    torch.testing.assert_close(slope.inputs, expected_slope.inputs)


def test_small_distances_are_as_precise_as_those_from_numbers():
    """A client's own factors, slightly changed; and of any scale, as only their product counts."""
    left, right = product(1, torch.float32)
    shared = left @ right.mT
    change = 1e-4 * torch.randn_like(right)
    own = Factors(50 * left, (right + change) / 50)
    value, _ = own.squared_difference(low_rank(shared, 1))
    expected, _ = Factors(left.double(), change.double()).squared_difference(
        torch.zeros(3, 8, 11).double()
    )
    torch.testing.assert_close(value.double(), expected, rtol=5e-3, atol=0)
