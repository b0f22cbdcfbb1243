import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from dropleak.analysis.statistics import (
    adjust,
    exact_share_interval,
    exceeds,
    mean_interval,
    median_interval,
    paired_interval,
    rank_trend,
    rarer,
    share_interval,
    t_exceeds,
    t_interval,
    trend_test,
)


def test_a_mean_interval_is_as_wide_as_the_normal_one():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = mean_interval(values, seed=0)
    half = 1.96 * values.std() / np.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_a_mean_interval_covers_the_truth_as_often_as_stated():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.exponential(1.0, 60), seed=n) for n in range(100)]
    assert 88 <= sum(low < 1.0 < high for low, high in intervals) <= 100


def test_equal_values_and_single_ones_raise_no_error():
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


def test_a_statistic_of_paired_columns_is_resampled_by_rows():
    """The difference of columns that rise and fall together has no uncertainty."""
    rng = np.random.default_rng(0)
    common = rng.normal(0, 10, (60, 1))
    matrix = np.hstack([common, common + 1])

    def difference(one, other, axis):
        return other.mean(axis) - one.mean(axis)

    assert paired_interval(matrix, difference, seed=0) == pytest.approx((1, 1))
    apart = np.hstack([common, rng.permutation(common) + 1])
    low, high = paired_interval(apart, difference, seed=0)
    assert high - low > 1


def test_the_interval_of_a_median_ends_at_values():
    """Of ten values the outer two miss it in 2 of 2^10 cases, the next two in 22."""
    values = np.arange(10.0)
    assert median_interval(values, 0.998) == (0, 9)
    assert median_interval(values, 0.978) == (1, 8)
    assert np.isnan(median_interval(values[:1])).all()


def test_students_interval_is_wider_than_the_normal_one():
    values = np.array([1.0, 2.0, 4.0])
    half = 4.302653 * values.std(ddof=1) / np.sqrt(3)  # t for two degrees of freedom
    assert t_interval(values) == pytest.approx((values.mean() - half, values.mean() + half))
    assert t_interval(np.array([2.0, 2.0])) == (2.0, 2.0)
    assert np.isnan(t_interval(np.array([2.0]))).all()


def test_the_exact_interval_is_clopper_and_pearsons():
    assert exact_share_interval(0, 48)[1] == pytest.approx(1 - 0.025 ** (1 / 48))
    low, high = exact_share_interval(45, 50)
    assert binom.sf(44, 50, low) == pytest.approx(0.025)
    assert binom.cdf(45, 50, high) == pytest.approx(0.025)


def test_rarer_is_the_lower_tail():
    assert rarer(2, 100, 0.05) == pytest.approx(binom.cdf(2, 100, 0.05))


def test_the_permutation_test_counts_exchanges():
    """Of the 2^5 signs of five differences only one gives a mean at least as large."""
    larger = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert exceeds(larger, np.zeros(5), seed=0) == pytest.approx(1 / 32)
    assert exceeds(np.zeros(5), larger, seed=0) == pytest.approx(1)


@pytest.mark.parametrize(
    "test",
    [lambda values, seed: exceeds(values, np.zeros(30), seed), lambda values, _: t_exceeds(values)],
    ids=["permutation", "student"],
)
def test_few_true_null_hypotheses_are_rejected(test):
    rng = np.random.default_rng(0)
    p = [test(rng.normal(0, 1, 30), n) for n in range(100)]
    assert sum(np.array(p) < 0.05) <= 12
    assert np.mean(p) == pytest.approx(0.5, abs=0.1)
    assert test(rng.normal(1, 1, 30), 0) < 0.001


def test_students_test_of_equal_values_is_certain():
    assert t_exceeds(np.array([0.1, 0.1])) == 0
    assert t_exceeds(np.zeros(3)) == 1


def test_the_trend_is_spearmans_correlation():
    matrix = np.random.default_rng(0).normal(size=(5, 6))
    expected = [spearmanr(row, range(6)).statistic for row in matrix]
    assert rank_trend(matrix) == pytest.approx(expected)
    assert rank_trend(np.ones((1, 4))) == pytest.approx([0])
    assert rank_trend(np.arange(4)[None] * [[1], [-1]]) == pytest.approx([1, -1])


def test_pages_test_finds_a_trend_only_where_there_is_one():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200, 40, 5))
    assert sum(trend_test(matrix) < 0.05 for matrix in noise) <= 20
    assert trend_test(noise[0] + 0.5 * np.arange(5)) < 0.001
    assert trend_test(noise[0] - 0.5 * np.arange(5)) > 0.999


def test_adjusted_p_values_are_benjamini_and_yekutielis():
    factor = 1 + 1 / 2 + 1 / 3
    assert adjust([0.01, 0.02, 0.2]) == pytest.approx([0.03 * factor, 0.03 * factor, 0.2 * factor])
    assert adjust([]).tolist() == []
