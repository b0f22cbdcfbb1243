"""What each figure shows in numbers: a function per figure, of the same tables and settings.

The sentences are reStructuredText and become part of the captions in workflow/report/.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from dropleak.analysis import efficacy
from dropleak.analysis.chance import Chance
from dropleak.analysis.excerpts import POINTS, shown_rates
from dropleak.report.formatting import interval, rates, series
from dropleak.tables import parquet
from dropleak.tables.lazy import Condition, StoredTable


def networks(network: pa.Table) -> str:
    """Figure 1."""
    parameters = network.to_pandas().groupby("network", sort=False)["parameters"].sum()
    (count,) = parameters.unique()
    return f"Both have {count:,} weights and biases."


def features(features: pa.Table) -> str:
    """Figure 2."""
    frame = features.to_pandas()
    dropped = 1 - frame.groupby("rate")["kept"].mean()[shown_rates(frame)]
    return f"Dropped are {series(f'{share:.0%} at {rate}' for rate, share in dropped.items())}."


def sample(attacks: StoredTable, images: pa.Table, attacker: str, chosen: list[int]) -> str:
    """Figure 3."""
    shown = _shown(attacks, chosen, ("attacker", "==", attacker))
    ranges = (
        f"{_range(own['rmse_clipped'])} at {rate}" for rate, own in shown.groupby("rate", sort=True)
    )
    return f"After clipping the RMSE of these images is {series(ranges)}."


def rmse_by_rate(attacks: StoredTable, summary: pa.Table, attacker: str) -> str:
    """Figure 4."""
    own = summary.to_pandas().query("attacker == @attacker").sort_values("rate")
    means = (f"{_mean(row)} at {row.rate}" for row in own.itertuples())
    lost = own[["diverged", "stalled", "vanished"]].sum()
    ends = series(f"{count:,} {status}" for status, count in lost.items())
    text = f"Means are {series(means)}. Of {own['attacks'].sum():,} attacks {ends}."
    if own["attacks"].max() > POINTS:
        text += f" Points are the first {POINTS:,} images of the selection, all else is of all."
    return text


def rmse_by_iteration(attacks: StoredTable, attacker: str) -> str:
    """Figure 5."""
    own = attacks.read(["rate", "rmse"], ("attacker", "==", attacker)).to_pandas()
    medians = own.groupby("rate")["rmse"].median()
    ends = series(f"{median:.3g} at {rate}" for rate, median in medians.items())
    return f"The medians at the end are {ends}."


def accuracy_by_rate(utility: pa.Table, labels: pa.ChunkedArray) -> str:
    """Figure 6."""
    runs = utility.select(["rate", "epoch", "test_accuracy"]).to_pandas()
    means = runs[runs["epoch"] == runs["epoch"].max()].groupby("rate")["test_accuracy"].mean()
    chance = Chance.of(labels.to_numpy())
    return (
        f"Means are {series(f'{mean:.1%} at {rate}' for rate, mean in means.items())}. Chance is "
        f"{chance.level:.1%} ({chance.low:.1%} to {chance.high:.1%} of {chance.images:,} images)"
        f"{_at_chance(means.index[means.map(chance.explains)])}."
    )


def attackers_by_rate(summary: pa.Table, tradeoff: pa.Table, attackers: list[str]) -> str:
    """Figure 7."""
    frame = summary.to_pandas()
    last = frame[frame["rate"] == frame["rate"].max()].set_index("attacker").loc[attackers]
    means = (f"{_mean(row)} for ``{row.Index}``" for row in last.itertuples())
    guess = parquet.metadata(tradeoff)["guess_rmse"]
    return (
        f"At rate {frame['rate'].max()} means are {series(means)}; the guess has {guess:.3f}."
        f"{_doubts(tradeoff, attackers)}"
    )


def privacy_and_utility(tradeoff: pa.Table, attackers: list[str]) -> str:
    """Figure 8."""
    frame, known = tradeoff.to_pandas(), parquet.metadata(tradeoff)
    wanted = frame["private"].eq(True) & frame["accurate"]
    both = frame[wanted].groupby("attacker")["rate"].apply(list)
    found = (
        f"{series(both.get(name, ['none']))} from ``{name}``"
        for name in attackers
        if not known["doubts"][name]
    )
    chance = known["chance"]
    said = "; ".join(found) or "none is known"
    return (
        f"The guess has {known['guess_rmse']:.3f}, and accurate means at least "
        f"{known['lowest_accuracy']:.1%} and more than {chance['high']:.1%}, up to which "
        f"{chance['images']:,} test images allow for chance{_at_chance(known['at_chance'])}. Rates "
        f"that are private and accurate: {said}.{_doubts(tradeoff, attackers)}"
    )


def attackers_sample(
    attacks: StoredTable, images: pa.Table, attackers: list[str], rate: float, chosen: list[int]
) -> str:
    """Figure 9."""
    shown = _shown(attacks, chosen, ("rate", "==", rate)).groupby("attacker")["rmse_clipped"]
    ranges = (f"{_range(shown.get_group(name))} for ``{name}``" for name in attackers)
    return f"After clipping the RMSE of these images is {series(ranges)}."


def _shown(attacks: StoredTable, chosen: list[int], condition: Condition) -> pd.DataFrame:
    columns = ["attacker", "rate", "rmse_clipped"]
    return attacks.read(columns, ("image", "in", chosen), condition).to_pandas()


def _mean(row: Any) -> str:
    """The mean of a row of the summary, with its interval."""
    return interval(row.rmse_clipped_mean, row.rmse_clipped_low, row.rmse_clipped_high)


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.3f}", f"{values.max():.3f}"
    return low if low == high else f"{low} to {high}"


def _at_chance(found: Sequence[float]) -> str:
    """Which accuracies are at chance, if any: to go on with a sentence."""
    return f"; networks trained with {rates(found)} are no better" if len(found) else ""


def _doubts(tradeoff: pa.Table, attackers: list[str]) -> str:
    """Of which attackers nothing is known, if any."""
    doubts = parquet.metadata(tradeoff)["doubts"]
    grouped = efficacy.grouped({name: doubts[name] for name in attackers})
    return "".join(
        f" Inconclusive for {series(f'``{name}``' for name in names)}: {reason}."
        for reason, names in grouped.items()
    )
