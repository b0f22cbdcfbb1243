"""Whether an attack works at all: what it gets of clients that drop nothing.

An attack that fails without dropout fails with it too, and that protects nobody. So nothing it does
counts for dropout unless it is known to succeed at rate 0.0, on the same kind of client.
"""

import pandas as pd

from dropleak import stats
from dropleak.claims.verdicts import FEWEST, RARE

COLUMNS = ["rate", "update", "rmse", "above_guess"]
"""What is needed of the attacks; `above_guess` is that of `tradeoff`."""

FAILS = "this attack fails without dropout too"
UNSURE = "too few images to know whether this attack succeeds without dropout"
NOT_ATTACKED = "rate 0.0 was not attacked, so whether this attack succeeds at all is not known"
NEVER_SMALL = "this attack is not known to end with a small RMSE without dropout either"


def doubt(attacks: pd.DataFrame, success_rmse: float, seed: int) -> str | None:
    """Why an attack cannot show that dropout protects; None if it succeeds without.

    It succeeds without dropout, by a rule that was fixed before the data, if either

    - it recovers images there: the share of successes is known to be above `RARE`. An attack that
      finds some images exactly and nothing of others, as DLG, works, whatever its mean error is.
    - its mean error is known to be below that of the mean training image as a guess, as `private`
      means above it. An attack that finds something of every image works as well.

    Args:
        attacks: one attacker's, with the columns `COLUMNS`.
        success_rmse: an attack with a smaller RMSE, and a smaller error than the guess, succeeds.
        seed: of the bootstrap.
    """
    without = attacks[attacks["rate"] == 0]
    if without.empty:
        return NOT_ATTACKED
    if not _rarely_small(without, success_rmse):
        return None
    # Images of an update were attacked together: only updates are independent.
    above = without.groupby("update")["above_guess"].mean().to_numpy()
    if len(above) >= FEWEST and stats.mean_interval(above, seed)[1] < 0:
        return None
    promising = above.mean() < 0 or _successes(without, success_rmse).any()
    return UNSURE if promising else FAILS


def doubt_about_small(attacks: pd.DataFrame, success_rmse: float) -> str | None:
    """Why an attack cannot show that dropout prevents small errors; arguments as above."""
    without = attacks[attacks["rate"] == 0]
    if without.empty:
        return NOT_ATTACKED
    return NEVER_SMALL if _rarely_small(without, success_rmse) else None


def _rarely_small(attacks: pd.DataFrame, success_rmse: float) -> bool:
    """Whether successes are not known to be more frequent than `RARE`."""
    found = _successes(attacks, success_rmse)
    return stats.exact_share_interval(int(found.sum()), len(found))[0] <= RARE


def _successes(attacks: pd.DataFrame, success_rmse: float) -> pd.Series:
    """Whether an update gave away one of its images."""
    small = (attacks["rmse"] < success_rmse) & (attacks["above_guess"] < 0)
    return small.groupby(attacks["update"]).any()
