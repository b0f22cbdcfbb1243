"""Whether an attack works at all: its success on clients without dropout or another defence.

An attack that fails without a defence fails with it too, which shows no protection. So a failure
only counts in favour of a defence if the attack is known to succeed at rate 0.0 on the same client,
or on that without its defence.
"""

import pandas as pd

from dropleak.analysis import statistics
from dropleak.analysis.claims.verdicts import FEWEST, RARE

FAILS = "this attack fails without a defence too"
UNSURE = "too few images to know whether this attack succeeds without a defence"
NOT_ATTACKED = "this attack was not run without a defence; whether it succeeds is unknown"
INAPPLICABLE = "this attacker is not made for such a client"
NEVER_SMALL = "this attack is not known to end with a small RMSE without a defence either"


def doubt(attacks: pd.DataFrame, undefended: pd.DataFrame, success_rmse: float) -> str | None:
    """Why an attack cannot show that a defence protects; None if it succeeds without one.

    By a rule fixed before the data, an attack succeeds without a defence if either

    - it recovers images: the share of successes is known to be above `RARE`. An attack such as DLG,
      which finds some images exactly and nothing of others, works, whatever its mean error.
    - its mean error is known to be below that of the mean training image, just as `private` means
      above it. An attack that finds something of every image works as well.

    Args:
        attacks: of one attacker on one client, with the columns dropout_rate, update, status, rmse
            and above_mean_image (see `tradeoff`).
        undefended: the same attacker's attacks on the client without its defence, if it has one;
            empty if there are none.
        success_rmse: an attack with a smaller RMSE, and a smaller error than the mean image,
            succeeds.
    """
    if (attacks["status"] == "inapplicable").all():
        return INAPPLICABLE
    without = undefended[undefended["dropout_rate"] == 0]
    return NOT_ATTACKED if without.empty else failure(without, success_rmse)


def failure(attacks: pd.DataFrame, success_rmse: float) -> str | None:
    """The same for attacks at one rate, as if it were 0.0: `FAILS`, `UNSURE` or None."""
    if not _rarely_small(attacks, success_rmse):
        return None
    # Images of an update are attacked together: only updates are independent.
    above = attacks.groupby("update")["above_mean_image"].mean().to_numpy()
    low, high = statistics.mean_interval(above)
    if len(above) >= FEWEST and high < 0:
        return None
    # A single update has no interval, and shows nothing.
    hopeless = low >= 0 and above.mean() >= 0 and not _successes(attacks, success_rmse).any()
    return FAILS if hopeless else UNSURE


def doubt_about_small(undefended: pd.DataFrame, success_rmse: float) -> str | None:
    """Why an attack cannot show that a defence prevents small errors; arguments as above."""
    without = undefended[undefended["dropout_rate"] == 0]
    if without.empty:
        return NOT_ATTACKED
    return NEVER_SMALL if _rarely_small(without, success_rmse) else None


def _rarely_small(attacks: pd.DataFrame, success_rmse: float) -> bool:
    """Whether successes are not known to be more frequent than `RARE`."""
    successes = _successes(attacks, success_rmse)
    return statistics.exact_share_interval(int(successes.sum()), len(successes))[0] <= RARE


def _successes(attacks: pd.DataFrame, success_rmse: float) -> pd.Series:
    """For each update, whether one of its images was recovered."""
    small = (attacks["rmse"] < success_rmse) & (attacks["above_mean_image"] < 0)
    return small.groupby(attacks["update"]).any()
