"""Confidence intervals and tests, from scipy's distributions and in closed form.

Nothing is resampled: an interval costs no more than a mean, however many images there are, and
`docs/method.md` says why that is enough. Rows of a matrix are drawn independently (an image, an
update, a seed). Columns are dropout rates, and problems are paired over rates.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import (
    binom,
    binomtest,
    false_discovery_control,
    norm,
    page_trend_test,
    quantile_test,
    rankdata,
    sem,
    t,
    ttest_1samp,
)

Interval = tuple[float, float]
"""Lower and upper end; nan where there is none."""


def mean_interval(
    values: np.ndarray, confidence: float = 0.95, within: Interval = (-np.inf, np.inf)
) -> Interval:
    """Student's interval of a mean.

    Args:
        values: [N], independent; with N = 1 there is no interval, and both ends are nan.
        confidence: how often the interval holds the mean.
        within: what a mean can be; the interval does not reach beyond it.
    """
    if len(values) < 2:
        return np.nan, np.nan
    reach = t.ppf((1 + confidence) / 2, len(values) - 1) * sem(values)
    low, high = np.clip([np.mean(values) - reach, np.mean(values) + reach], *within)
    return float(low), float(high)


def scale_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Interval of a mean of positive values, of which a few may be larger than all others together.

    Student's interval of the mean's logarithm, by the delta method, so it is always positive. Where
    the values are of one scale, it is nearly `mean_interval`.

    Args:
        values: [N], as above.
        confidence: as above.
    """
    mean = np.mean(values)
    low, high = mean_interval(values / mean, confidence)
    with np.errstate(over="ignore"):  # two values may leave the upper end open
        return float(mean * np.exp(low - 1)), float(mean * np.exp(high - 1))


def median_interval(values: np.ndarray, confidence: float = 0.95) -> Interval:
    """Distribution-free interval of a median between two of the values (Thompson 1936).

    Args:
        values: [N], independent; both ends are nan if N is too small for the confidence.
        confidence: how often, at least, the interval holds the median.
    """
    interval = quantile_test(values).confidence_interval(confidence)
    return float(interval.low), float(interval.high)


def lowest(matrix: np.ndarray, confidence: float = 0.95) -> np.ndarray:
    """Which columns may have the lowest mean: a confidence set, bool [K].

    A column is ruled out if its mean is known to exceed another's, by one-sided paired t-tests with
    the confidence for all other columns together (Bonferroni). This is a form of Hsu's (1984)
    comparisons with the best.

    Args:
        matrix: [N, K], N and K at least 2.
        confidence: how often, at least, the set has the column with the lowest mean.
    """
    rows, columns = matrix.shape
    critical = t.ppf(1 - (1 - confidence) / (columns - 1), rows - 1)
    excesses = (column[:, None] - matrix for column in matrix.T)
    known = [(excess.mean(axis=0) > critical * sem(excess)).any() for excess in excesses]
    return ~np.array(known)


def share_interval(successes: np.ndarray) -> Interval:
    """95% interval of a share of images (Wilson 1927), of which only updates are independent.

    It is that of so many independent images as their number divided by the design effect: by how
    much sharing updates widens the variance of the share (Kish 1965; Franco et al. 2019 compare
    such intervals). Where the effect is not known it is taken to be as large as it can be, as if
    the images of an update all succeeded or all failed.

    Args:
        successes: bool [N, n], of n images in each of N updates.
    """
    share, (updates, effect) = successes.mean(), successes.shape
    if 0 < share < 1 and updates > 1:
        variance, independent = sem(successes.mean(axis=1)) ** 2, share * (1 - share)
        effect = np.clip(variance * successes.size / independent, 1, effect)
    number, z = successes.size / effect, norm.ppf(0.975)
    weight = 1 / (1 + z**2 / number)
    middle = weight * share + (1 - weight) / 2
    reach = z * weight * np.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    return float(middle - reach) if share > 0 else 0.0, float(middle + reach) if share < 1 else 1.0


def exact_share_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Interval of a share with at least the stated coverage (Clopper and Pearson 1934)."""
    interval = binomtest(successes, trials).proportion_ci(confidence, method="exact")
    return float(interval.low), float(interval.high)


def share_range(trials: int, share: float) -> Interval:
    """Range that the share of successes in independent trials is in with 95% probability, at least.

    Args:
        trials: at least 1.
        share: probability of success in each, in (0, 1].
    """
    low, high = binom.interval(0.95, trials, share)
    return float(low / trials), float(high / trials)


def exceeds(values: np.ndarray) -> float:
    """One-sided p-value that the mean is above 0, by Student's test.

    Args:
        values: [N], independent, N at least 2; differences of pairs for a paired test.
    """
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
