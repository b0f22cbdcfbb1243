"""How sure a number is."""

import numpy as np
from scipy.stats import binomtest, bootstrap


def mean_interval(values: np.ndarray, seed: int, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean (Efron 1979), from 9,999 resamples.

    Args:
        values: [N], independent; with N = 1 there is no interval, and both ends are nan.
        seed: of the resampling.
    """
    if len(values) < 2:
        return np.nan, np.nan
    result = bootstrap(
        (values,), np.mean, confidence_level=confidence, method="percentile", rng=seed
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def share_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share (Wilson 1927)."""
    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
