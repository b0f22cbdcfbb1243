"""Confidence intervals and tests, all of them scipy's.

Rows of a matrix are drawn independently (an image, an update, a seed). Columns are dropout rates,
and problems are paired over rates.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import (
    binom,
    binomtest,
    bootstrap,
    false_discovery_control,
    monte_carlo_test,
    page_trend_test,
    permutation_test,
    quantile_test,
    rankdata,
    ttest_1samp,
)

Interval = tuple[float, float]
"""Lower and upper end; nan where there is none."""

_RESAMPLES = 9_999


def _batch(rows: int) -> int:
    """Resamples at a time: 2 MB of numbers, or a single one. Does not affect the result."""
    return max(1, 250_000 // rows)


def mean_interval(values: np.ndarray, seed: int, confidence: float = 0.95) -> Interval:
    """Percentile bootstrap interval of a mean (Efron 1979), from 9,999 resamples.

    Args:
        values: [N], independent; with N = 1 there is no interval, and both ends are nan.
        seed: of the resampling.
    """
    return paired_interval(np.asarray(values)[:, None], np.mean, seed, confidence)


def median_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Distribution-free interval of a median between two of the values (Thompson 1936).

    Args:
        values: [N], independent; both ends are nan if N is too small for the confidence.
    """
    interval = quantile_test(values).confidence_interval(confidence)
    return float(interval.low), float(interval.high)


def paired_interval(
    matrix: np.ndarray, statistic: Callable[..., np.ndarray], seed: int, confidence: float = 0.95
) -> Interval:
    """Percentile bootstrap interval of a statistic of columns whose rows are resampled together.

    Args:
        matrix: [N, K]; with N = 1 there is no interval.
        statistic: of K arrays, along the axis `axis`.
        seed: of the resampling.
    """
    if len(matrix) < 2:
        return np.nan, np.nan
    result = bootstrap(
        tuple(np.asarray(matrix).T),
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=_batch(len(matrix)),
        confidence_level=confidence,
        method="percentile",
        rng=seed,
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def t_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Student's interval of a mean, for few values, where a bootstrap is too narrow.

    Args:
        values: [N], roughly normal; with N = 1 there is no interval.
    """
    if len(values) < 2:
        return np.nan, np.nan
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    interval = ttest_1samp(values, 0).confidence_interval(confidence)
    return float(interval.low), float(interval.high)


def share_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Interval of a share (Wilson 1927)."""
    return _share_interval(successes, trials, confidence, "wilson")


def exact_share_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Interval of a share with at least the stated coverage (Clopper and Pearson 1934)."""
    return _share_interval(successes, trials, confidence, "exact")


def _share_interval(successes: int, trials: int, confidence: float, method: str) -> Interval:
    interval = binomtest(successes, trials).proportion_ci(confidence, method=method)
    return float(interval.low), float(interval.high)


def share_range(trials: int, share: float, confidence: float = 0.95) -> Interval:
    """Range of the share of successes in independent trials.

    Args:
        trials: at least 1.
        share: probability of success in each, in (0, 1].
        confidence: how often the share is in the range, at least.
    """
    low, high = binom.interval(confidence, trials, share)
    return float(low / trials), float(high / trials)


def exceeds(larger: np.ndarray, smaller: np.ndarray, seed: int) -> float:
    """One-sided p-value that the mean of paired differences is above 0.

    By 9,999 random exchanges within pairs, or all exchanges if there are fewer.

    Args:
        larger, smaller: [N], paired.
        seed: of the exchanges.
    """
    difference = larger - smaller
    common = {"vectorized": True, "batch": _batch(len(difference)), "alternative": "greater"}
    if 2 ** len(difference) <= _RESAMPLES:
        exact = permutation_test(
            (difference,), np.mean, permutation_type="samples", n_resamples=_RESAMPLES, **common
        )
        return float(exact.pvalue)

    # The same numbers as permutation_test's, which takes ten times longer and memory that grows
    # with N.
    rng = np.random.default_rng(seed)

    def exchanged(size: tuple[int, ...]) -> np.ndarray:
        kept = rng.integers(2**32, size=size, dtype=np.uint32) % 2
        return np.where(kept, difference, -difference)

    result = monte_carlo_test(difference, exchanged, np.mean, n_resamples=_RESAMPLES, **common)
    return float(result.pvalue)


def t_exceeds(values: np.ndarray) -> float:
    """One-sided p-value that the mean is above 0, for few values, roughly normal."""
    if np.ptp(values) == 0:
        return float(values[0] <= 0)
    return float(ttest_1samp(values, 0, alternative="greater").pvalue)


def rarer(successes: int, trials: int, share: float) -> float:
    """One-sided p-value of the exact binomial test that successes are rarer than a share."""
    return float(binomtest(successes, trials, share, alternative="less").pvalue)


def rank_trend(matrix: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each row with the column's index, [N].

    1 if the row rises throughout, -1 if it falls, 0 if all its values are equal. A linear function
    of Page's L (1963), so L of all rows tests their mean.

    Args:
        matrix: [N, K], columns in the expected order.
    """
    k = matrix.shape[1]
    agreement = rankdata(matrix, axis=1) @ np.arange(1, k + 1)
    return 12 * agreement / (k * (k**2 - 1)) - 3 * (k + 1) / (k - 1)


def trend_test(matrix: np.ndarray) -> float:
    """One-sided p-value of Page's trend test (1963): columns rise from left to right.

    Args:
        matrix: [N, K] with N at least 2 and K at least 3.
    """
    return float(page_trend_test(matrix).pvalue)


def adjust(p_values: Sequence[float]) -> np.ndarray:
    """P-values adjusted for multiple tests, dependent or not (Benjamini and Yekutieli 2001)."""
    return false_discovery_control(p_values, method="by") if len(p_values) else np.empty(0)
