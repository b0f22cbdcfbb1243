import numpy as np
import pytest
from scipy.stats import binom, binomtest, bootstrap, permutation_test, spearmanr

from dropleak.analysis.statistics import (
    adjust,
    exact_share_interval,
    exceeds,
    lowest,
    mean_interval,
    median_interval,
    rank_trend,
    rarer,
    scale_interval,
    share_interval,
    trend_test,
)


def drawn(kind, size, rng):
    """Errors of attacks, and their mean: of one kind, or most images found or missed."""
    if kind == "noise":
        return rng.normal(0.56, 0.03, size), 0.56
    missed = {"most found": 0.1, "some found": 0.76}[kind]
    return np.where(rng.uniform(size=size) < missed, 0.5, 0.01), missed * 0.5 + (1 - missed) * 0.01


@pytest.mark.parametrize("images", [60, 200])
@pytest.mark.parametrize("kind", ["noise", "some found", "most found"])
def test_a_mean_interval_covers_the_truth_as_often_as_stated(kind, images):
    errors, mean = drawn(kind, (1000, images), np.random.default_rng(0))
    intervals = [mean_interval(row) for row in errors]
    assert 0.93 <= np.mean([low < mean < high for low, high in intervals]) <= 0.97


@pytest.mark.parametrize("kind", ["noise", "some found"])
def test_a_mean_interval_is_that_of_scipys_bootstrap(kind):
    """Their ends differ by less than a twentieth of the interval."""
    errors, _ = drawn(kind, 200, np.random.default_rng(1))
    resampled = bootstrap((errors,), np.mean, method="percentile", rng=0).confidence_interval
    low, high = mean_interval(errors)
    assert (low, high) == pytest.approx(tuple(resampled), abs=(high - low) / 20)


def test_equal_values_and_single_ones_raise_no_error():
    assert mean_interval(np.full(5, 0.5)) == (0.5, 0.5)
    assert np.isnan(mean_interval(np.array([0.5]))).all()


def test_an_interval_ends_where_means_do():
    errors = np.array([0.0, 0.0, 0.0, 0.5])
    assert mean_interval(errors)[0] < 0
    assert mean_interval(errors, within=(0, 1)) == (0, mean_interval(errors)[1])


def test_the_interval_of_a_scale_is_that_of_the_mean_if_all_values_have_it():
    values = np.random.default_rng(0).normal(0.5, 0.03, 100)
    assert scale_interval(values) == pytest.approx(mean_interval(values), abs=1e-4)
    assert scale_interval(values * 1e6) == pytest.approx(np.multiply(scale_interval(values), 1e6))


def test_a_scale_is_known_although_one_value_is_most_of_the_mean():
    diverged = np.array([*[0.1] * 99, 1e8])
    assert mean_interval(diverged)[0] < 0
    low, high = scale_interval(diverged, 0.999)
    assert 1e4 < low < diverged.mean() < high
    assert scale_interval(diverged[-2:], 0.9999)[1] == np.inf


def first(successes, updates):
    """Updates of one image, of which so many succeed."""
    return np.arange(updates)[:, None] < successes


def test_the_interval_of_a_share_is_wilsons():
    # Wilson 1927, solved for p: |p - 0.9| = z sqrt(p (1 - p) / n)
    low, high = share_interval(first(45, 50))
    z = 1.959964
    for p in (low, high):
        assert abs(p - 0.9) == pytest.approx(z * np.sqrt(p * (1 - p) / 50), rel=1e-5)
    assert share_interval(first(0, 10))[0] == 0
    assert share_interval(first(10, 10))[1] == 1
    assert share_interval(first(3, 7)) == pytest.approx(
        binomtest(3, 7).proportion_ci(0.95, "wilson")
    )


def test_images_that_succeed_or_fail_together_count_as_one():
    alone = share_interval(first(13, 25))
    assert share_interval(first(13, 25).repeat(8, axis=1)) == pytest.approx(alone)
    assert share_interval(first(0, 25).repeat(8, axis=1)) == share_interval(first(0, 25))
    assert share_interval(np.array([[True, False]])) == pytest.approx(
        share_interval(first(1, 2)), abs=0.2
    )
    alike = np.tile([True, False], (25, 4))  # nothing is known of how updates differ
    assert share_interval(alike) == pytest.approx(share_interval(first(100, 200)))


@pytest.mark.parametrize("spread", [0.05, 1.0, 20.0])
def test_the_interval_of_a_share_holds_it_whatever_updates_share(spread):
    """Updates that hardly differ, that differ, and of which all images succeed or none."""
    rng = np.random.default_rng(0)
    ease = rng.beta(0.5 / spread, 0.5 / spread, (1000, 40, 1))
    intervals = [share_interval(update) for update in rng.random((1000, 40, 4)) < ease]
    low, high = np.transpose(intervals)
    assert 0.92 < np.mean((low < 0.5) & (high > 0.5)) < 0.98


def test_a_column_is_ruled_out_if_another_is_known_to_be_lower():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 10, (60, 1))  # rows are paired: what they share does not matter
    matrix = common + rng.normal([0.0, 0.02, 1.0, 1.0], 0.1, (60, 4))
    assert lowest(matrix).tolist() == [True, True, False, False]
    assert lowest(matrix[:, [3, 0]]).tolist() == [False, True]
    assert lowest(np.ones((2, 3))).all()


def test_the_lowest_column_is_rarely_ruled_out():
    """Hardest where all means are equal: each column is one that could be missed."""
    noise = np.random.default_rng(0).normal(size=(200, 40, 4))
    assert np.mean([lowest(matrix)[0] for matrix in noise]) >= 0.94
    ahead = noise - [0.1, 0, 0, 0]
    assert np.mean([lowest(matrix)[0] for matrix in ahead]) >= 0.97


def test_the_interval_of_a_median_ends_at_values():
    """Of ten values the outer two miss it in 2 of 2^10 cases, the next two in 22."""
    values = np.arange(10.0)
    assert median_interval(values, 0.998) == (0, 9)
    assert median_interval(values, 0.978) == (1, 8)
    assert np.isnan(median_interval(values[:1])).all()


def test_students_interval_is_wider_than_the_normal_one():
    values = np.array([1.0, 2.0, 4.0])
    half = 4.302653 * values.std(ddof=1) / np.sqrt(3)  # t for two degrees of freedom
    assert mean_interval(values) == pytest.approx((values.mean() - half, values.mean() + half))
    assert mean_interval(np.array([2.0, 2.0])) == (2.0, 2.0)
    assert np.isnan(mean_interval(np.array([2.0]))).all()


def test_the_exact_interval_is_clopper_and_pearsons():
    assert exact_share_interval(0, 48)[1] == pytest.approx(1 - 0.025 ** (1 / 48))
    low, high = exact_share_interval(45, 50)
    assert binom.sf(44, 50, low) == pytest.approx(0.025)
    assert binom.cdf(45, 50, high) == pytest.approx(0.025)


def test_rarer_is_the_lower_tail():
    assert rarer(2, 100, 0.05) == pytest.approx(binom.cdf(2, 100, 0.05))


def test_few_true_null_hypotheses_are_rejected():
    rng = np.random.default_rng(0)
    p = [exceeds(differences) for differences in rng.normal(0, 1, (1000, 30))]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p) == pytest.approx(0.5, abs=0.03)
    assert exceeds(rng.normal(1, 1, 30)) < 0.001


@pytest.mark.parametrize("shift", [0.0, 0.03, 0.06])
def test_students_test_is_nearly_the_permutation_test(shift):
    """Differences of errors of which most are small: an image is found by both, or by one."""
    rng = np.random.default_rng(2)
    one, other = (drawn("some found", 100, rng)[0] + rng.normal(0, 0.01, 100) for _ in range(2))
    differences = shift + one - other
    exchanged = permutation_test(
        (differences,), np.mean, permutation_type="samples", alternative="greater", rng=0
    )
    assert exceeds(differences) == pytest.approx(exchanged.pvalue, abs=0.02)


def test_students_test_of_equal_values_is_certain():
    assert exceeds(np.array([0.1, 0.1])) == 0
    assert exceeds(np.zeros(3)) == 1


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
