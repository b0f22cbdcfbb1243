"""Rules for verdicts on claims, fixed before there were any data.

A rule turns evidence into supported, not supported or inconclusive. A difference only counts
against a claim if it is known to be smaller than the smallest that would matter, so few images give
"inconclusive", never "not supported".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE = "supported", "not supported", "inconclusive"

ALPHA = 0.05
"""Adjusted p-values below it are significant."""
RMSE_MARGIN = 0.01
"""The smallest difference of RMSE that matters; the paper's smallest, from 0.3 to 0.4, is 0.014."""
TREND_MARGIN = 0.1
"""The smallest mean rank correlation that matters."""
ACCURACY_MARGIN = 0.01
"""The smallest difference of test accuracy that matters."""
MAJORITY = 0.5
"""A share above it is that of most."""
RARE = 0.05
"""A share of attacks below it is rare."""
FEWEST = 20
"""With fewer images or updates, intervals of means may be too narrow to decide anything."""
CERTAIN = 0.98
"""A share known to be above it, without a single failure, counts as certainty."""


@dataclass(frozen=True)
class Evidence:
    """A measurement for or against a claim."""

    measure: str
    """What `estimate` measures."""
    estimate: float
    low: float
    high: float
    """The ends of its interval; nan if there is none."""
    n: int
    unit: str
    """What `n` counts: images, updates or seeds."""
    test: str
    p_value: float | None = None
    """Of the test, unadjusted; None if the interval decides."""


@dataclass(frozen=True)
class Rule:
    """A rule for a verdict."""

    words: str
    supported: Callable[[Evidence, Any], bool]
    """Whether the evidence and its adjusted p-value (None if it has none) speak for the claim."""
    not_supported: Callable[[Evidence], bool]
    """Whether it speaks against the claim. Neither is true if the interval is nan."""

    def explain(self, unit: str | None) -> str:
        """The rule in words, for the unit that was counted."""
        enough = unit in (None, "seeds")
        return self.words if enough else f"{self.words}; inconclusive below {FEWEST} {unit}"

    def decide(self, evidence: Evidence, p_adjusted: float | None) -> str:
        """The verdict."""
        if evidence.unit != "seeds" and evidence.n < FEWEST:
            return INCONCLUSIVE
        if self.supported(evidence, p_adjusted):
            return SUPPORTED
        return NOT_SUPPORTED if self.not_supported(evidence) else INCONCLUSIVE


def above_zero(margin: float) -> Rule:
    """For claims that something is larger than 0, by any amount."""
    return Rule(
        f"supported if the interval is above 0 and the adjusted p-value below {ALPHA}; not "
        f"supported if the interval is below {margin}",
        lambda e, p: e.low > 0 and p < ALPHA,
        lambda e: e.high < margin,
    )


def equals(published: float) -> Rule:
    """For claims that something has a certain value."""
    return Rule(
        f"supported if the interval is within {RMSE_MARGIN} of {published}; not supported if it "
        f"does not contain {published}",
        lambda e, _: published - RMSE_MARGIN <= e.low and e.high <= published + RMSE_MARGIN,
        lambda e: e.high < published or e.low > published,
    )


def at_place(published: float) -> Rule:
    """For claims that something happens at one of several rates."""
    return Rule(
        f"supported if the interval is {published} alone; not supported if it does not contain "
        f"{published}",
        lambda e, _: e.low == e.high == published,
        lambda e: e.high < published or e.low > published,
    )


def below(limit: float) -> Rule:
    """For claims that something is below a limit."""
    return Rule(
        f"supported if the interval is below {limit}; not supported if it is above",
        lambda e, _: e.high < limit,
        lambda e: e.low > limit,
    )


ALWAYS = Rule(
    f"supported if there was no failure and the interval is above {CERTAIN}; not supported if "
    "there was a failure",
    lambda e, _: e.estimate == 1 and e.low > CERTAIN,
    lambda e: e.estimate < 1,
)
"""For claims of certainty."""

MOST = Rule(
    f"supported if the interval is above {MAJORITY}; not supported if it is below",
    lambda e, _: e.low > MAJORITY,
    lambda e: e.high < MAJORITY,
)
"""For claims about most of something."""

NEVER = Rule(
    f"supported if the interval is below {RARE} and the adjusted p-value below {ALPHA}; not "
    f"supported if the interval is above {RARE}",
    lambda e, p: e.high < RARE and p < ALPHA,
    lambda e: e.low > RARE,
)
"""For claims that something never happens."""

POSITIVE = Rule(
    "supported if the interval is above 0; not supported if it is below",
    lambda e, _: e.low > 0,
    lambda e: e.high < 0,
)
"""For claims that something is larger than 0, where a test makes no sense."""
