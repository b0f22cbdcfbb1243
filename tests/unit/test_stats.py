import numpy as np
import pytest

from dropleak.stats import mean_interval, share_interval


def test_the_interval_is_that_of_the_mean():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = mean_interval(values, seed=0)
    half = 1.96 * values.std() / np.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_it_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.exponential(1.0, 60), seed=n) for n in range(100)]
    assert 88 <= sum(low < 1.0 < high for low, high in intervals) <= 100


def test_equal_values_and_single_ones_are_no_error():
    assert mean_interval(np.full(5, 0.5), seed=0) == (0.5, 0.5)
    assert np.isnan(mean_interval(np.array([0.5]), seed=0)).all()


def test_the_interval_of_a_share_is_wilsons():
    # Wilson 1927, solved for p: |p - 0.9| = z sqrt(p (1 - p) / n)
    low, high = share_interval(45, 50)
    z = 1.959964
    for p in (low, high):
        assert abs(p - 0.9) == pytest.approx(z * np.sqrt(p * (1 - p) / 50), rel=1e-5)
    assert share_interval(0, 10)[0] == 0
    assert share_interval(10, 10)[1] == 1
