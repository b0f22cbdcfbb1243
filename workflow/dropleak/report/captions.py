"""The numbers in each figure's caption: a function per figure, with the same arguments.

The sentences are reStructuredText and become part of the captions in workflow/report/.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dropleak.analysis import inconclusive, training
from dropleak.analysis import separation as measured
from dropleak.analysis.accuracy import by_training, last_epoch
from dropleak.analysis.chance import Chance
from dropleak.analysis.excerpts import POINTS, TOGETHER, shown_rates
from dropleak.analysis.summary import STATUSES
from dropleak.formatting import count, interval, number, rates, series
from dropleak.tables import parquet
from dropleak.tables.lazy import Condition, StoredTable


def network(network: pa.Table) -> str:
    """Figure 1."""
    return f"It has {pc.sum(network['parameters']).as_py():,} weights and biases."


def features(features: pa.Table, images: pa.Table) -> str:
    """Figure 2."""
    if not len(features):
        return f"They are not shown, as {parquet.metadata(features)['reason']}."
    frame = features.to_pandas()
    dropped = 1 - frame.groupby("dropout_rate")["kept"].mean()[shown_rates(frame)]
    shares = series(f"{share:.0%} at {rate}" for rate, share in dropped.items())
    return (
        f"Black is {number(frame['value'].min())}, and white {number(frame['value'].max())}. "
        f"The share of dropped features is {shares}."
    )


def sample(
    attacks: StoredTable, images: pa.Table, client: str, attacker: str, chosen: list[int]
) -> str:
    """Figure 3."""
    shown = _shown(attacks, chosen, ("client", "==", client), ("attacker", "==", attacker))
    ranges = (
        f"{_range(rows['rmse_clipped'])} at {rate}"
        for rate, rows in shown.groupby("dropout_rate", sort=True)
    )
    return f"The RMSE of these images is {series(ranges)}."


def rmse_by_rate(attacks: StoredTable, summary: pa.Table, client: str, attacker: str) -> str:
    """Figure 4."""
    frame = summary.to_pandas().query("client == @client and attacker == @attacker")
    frame = frame.sort_values("dropout_rate")
    means = (f"{_mean(row)} at {row.dropout_rate}" for row in frame.itertuples())
    ends = frame[[*STATUSES]].sum()
    counts = series(f"{count:,} {status}" for status, count in ends[ends > 0].items())
    text = f"Means are {series(means)}. Of {frame['attacks'].sum():,} attacks {counts}."
    if frame["attacks"].max() > POINTS:
        text += f" Points are the first {POINTS:,} images of the selection; all else is of all."
    return text


def rmse_by_iteration(attacks: StoredTable, client: str, attacker: str) -> str:
    """Figure 5."""
    conditions = ("client", "==", client), ("attacker", "==", attacker)
    medians = (
        attacks.read(["dropout_rate", "rmse_clipped"], *conditions)
        .to_pandas()
        .groupby("dropout_rate")["rmse_clipped"]
        .median()
    )
    ends = series(f"{number(median)} at {rate}" for rate, median in medians.items())
    return f"The medians at the end are {ends}."


def accuracy_by_rate(utility: pa.Table, labels: pa.ChunkedArray) -> str:
    """Figure 6."""
    trained = by_training(last_epoch(utility.to_pandas()))
    chance, several = Chance.of(labels.to_numpy()), len(trained) > 1
    sentences, no_better = [], []
    for kind, runs in trained.items():
        means = runs.groupby("dropout_rate")["test_accuracy"].mean()
        name = f" {kind}" if several else ""
        values = series(f"{mean:.1%} at {rate}" for rate, mean in means.items())
        sentences.append(f"Means{name and f' of{name}'} are {values}.")
        no_better.append(_at_chance(means.index[means.map(chance.explains)], f"networks{name}"))
    return (
        f"{' '.join(sentences)} Chance is {chance.level:.1%} ({chance.low:.1%} to "
        f"{chance.high:.1%} of {chance.images:,} images){''.join(no_better)}."
    )


def attackers_by_rate(
    summary: pa.Table, tradeoff: pa.Table, clients: list[str], attackers: list[str]
) -> str:
    """Figure 7."""
    frame, parts = summary.to_pandas(), []
    for client in clients:
        rows = frame[frame["client"] == client]
        highest = rows["dropout_rate"].max()
        last = rows[rows["dropout_rate"] == highest].set_index("attacker")
        last = last.loc[[name for name in attackers if name in last.index]]
        whose = f" of ``{client}``" if len(clients) > 1 else ""
        means = series(f"{_mean(row)} for ``{row.Index}``" for row in last.itertuples())
        parts.append(f"means{whose} at rate {highest} are {means}")
    baseline = parquet.metadata(tradeoff)["mean_image_rmse"]
    return (
        f"At the highest rate, {'; '.join(parts)}; the mean image has {baseline:.3f}."
        f"{_doubts(tradeoff, clients, attackers)}"
    )


def privacy_and_utility(
    tradeoff: pa.Table, defences: pa.Table, client: str, attackers: list[str]
) -> str:
    """Figure 8."""
    frame, metadata = tradeoff.to_pandas().query("client == @client"), parquet.metadata(tradeoff)
    good = frame[frame["private"].eq(True) & frame["accurate"]]
    good_rates = good.groupby("attacker")["dropout_rate"].apply(list)
    by_attacker = "; ".join(
        f"{series(good_rates.get(name, ['none']))} from ``{name}``"
        for name in attackers
        if not metadata["doubts"][client][name]
    )
    chance = metadata["chance"]
    return (
        f"The mean image has {metadata['mean_image_rmse']:.3f}, and accurate means at least "
        f"{metadata['lowest_accuracy'][client]:.1%} and more than {chance['high']:.1%}, which "
        f"chance can reach on {chance['images']:,} test images"
        f"{_at_chance(metadata['at_chance'][client])}. "
        f"Rates that are private and accurate: {by_attacker or 'none is known'}."
        f"{_same_network(frame)}"
        f"{_doubts(tradeoff, [client], attackers)}"
    )


def _same_network(frame: pd.DataFrame) -> str:
    """Whether errors and accuracies in the trade-off of one client are of the same network."""
    if frame.empty:
        return ""
    epochs = frame["epochs"].iloc[0]
    if pd.isna(epochs):
        return (
            " The network is attacked before the experiment's training, after which it has the "
            "accuracies."
        )
    return (
        " Errors and accuracies are of the same network, after "
        f"{count(int(epochs), 'epoch')} of training."
    )


def attackers_sample(
    attacks: StoredTable,
    images: pa.Table,
    client: str,
    attackers: list[str],
    chosen: list[int],
) -> str:
    """Figure 9."""
    frame = _shown(attacks, chosen[:TOGETHER], ("client", "==", client))
    means = frame.groupby(["attacker", "dropout_rate"])["rmse_clipped"].mean()
    parts = []
    for name in attackers:
        by_rate = series(f"{number(mean)} at {rate}" for rate, mean in means[name].items())
        parts.append(f"{by_rate} for ``{name}``")
    return f"The means are {'; '.join(parts)}."


def leakage_by_epoch(
    summary: pa.Table, tradeoff: pa.Table, courses: list[dict[str, int]], attackers: list[str]
) -> str:
    """Figure 10."""
    parts = []
    for course in courses:
        frame = training.by_epoch(summary, course).sort_values(["dropout_rate", "epochs"])
        first, *_, last = course
        which = f"from ``{first}`` to ``{last}`` " if len(courses) > 1 else ""
        for name in attackers:
            for rate, rows in frame[frame["attacker"] == name].groupby("dropout_rate"):
                ends = rows.iloc[[0, -1]].drop_duplicates().itertuples()
                means = series(f"{_mean(row)} after {row.epochs}" for row in ends)
                parts.append(f"{which}at rate {rate} ``{name}`` has {means}")
    baseline = parquet.metadata(tradeoff)["mean_image_rmse"]
    return f"Means by epoch: {'; '.join(parts)}. The mean image has {baseline:.3f}."


def defences(defences: pa.Table, client: str) -> str:
    """Figure 11."""
    frame = defences.to_pandas().query("undefended == @client")
    best = frame[frame["front"]].sort_values("test_accuracy")
    points = (
        f"{_point(row)} with an RMSE of {_mean(row)} by ``{row.attacker}`` and an accuracy of "
        f"{row.test_accuracy:.1%}"
        for row in best.itertuples()
    )
    sentences = [f"The front: {'; '.join(points) or 'none is known'}."]
    for reason, rows in frame.groupby("inconclusive"):
        names = series(map(_point, rows.itertuples()))
        sentences.append(f"Inconclusive at {names}: {reason}.")
    return " ".join(sentences)


def _point(row: Any) -> str:
    """A row of the table of defences."""
    at = f"dropout rate {row.dropout_rate}"
    if row.defence == "none":
        return at
    return f"``{row.defence}`` at {at}" if row.dropout_rate else f"``{row.defence}``"


def separation(attacks: StoredTable, summary: pa.Table, attackers: list[str]) -> str:
    """Figure 12."""
    shares = measured.shares(attacks.read(measured.COLUMNS).to_pandas())
    by_attacker = dict(tuple(shares.sort_values("images").groupby("attacker")))
    sentences, share = [], "{:.0%}".format
    for name in attackers:
        if name not in by_attacker:
            continue
        parts = (
            f"{_range(rows['share'], share)} of {rows['updates'].max():,} updates of {images}"
            for images, rows in by_attacker[name].groupby("images")
        )
        sentences.append(f"``{name}`` separates {series(parts)} images exactly.")
    return " ".join(sentences) or "At no rate above 0.0 did an attacker look for masks."


def _shown(attacks: StoredTable, chosen: list[int], *conditions: Condition) -> pd.DataFrame:
    columns = ["attacker", "dropout_rate", "rmse_clipped"]
    return attacks.read(columns, ("image", "in", chosen), *conditions).to_pandas()


def _mean(row: Any) -> str:
    """The mean of a row of the summary, with its interval."""
    return interval(row.rmse_clipped_mean, row.rmse_clipped_low, row.rmse_clipped_high)


def _range(values: pd.Series, form: Callable[[float], str] = number) -> str:
    low, high = form(values.min()), form(values.max())
    return low if low == high else f"{low} to {high}"


def _at_chance(at_chance: Sequence[float], networks: str = "networks") -> str:
    """The rates at which accuracy is at chance, as the end of a sentence; empty if none."""
    return f"; {networks} trained with {rates(at_chance)} are no better" if len(at_chance) else ""


def _doubts(tradeoff: pa.Table, clients: list[str], attackers: list[str]) -> str:
    """Sentences about inconclusive attacks; empty if there are none."""
    every = parquet.metadata(tradeoff)["doubts"]
    doubts = {
        client: {name: every[client][name] for name in attackers if name in every[client]}
        for client in clients
    }
    return "".join(
        f" Inconclusive for {inconclusive.named(attacks, clients, '``{}``')}: "
        f"{inconclusive.explain(reason, attacks)}."
        for reason, attacks in inconclusive.grouped(doubts).items()
    )
