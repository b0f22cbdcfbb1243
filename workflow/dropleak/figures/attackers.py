"""Figures 7 and 8: attackers side by side, and their error against test accuracy."""

from itertools import zip_longest
from math import ceil
from textwrap import wrap

import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak.analysis import efficacy
from dropleak.figures import style
from dropleak.figures.rmse import CLIPPED, MEAN_CLIPPED, mark_published
from dropleak.tables import parquet

_PANELS = 2
"""Panels side by side."""

_RATE_WIDTH = 0.07
"""Width of a rate's label with the gap to the next, as a share of the axis."""

_TITLE_WIDTH = 57
"""Characters per line of a title."""


def attackers_by_rate(
    summary: pa.Table, tradeoff: pa.Table, clients: list[str], attackers: list[str]
) -> Figure:
    """Mean RMSE after clipping by rate, a line per attacker with its 95% intervals.

    Args:
        summary: the summary table.
        tradeoff: its metadata has the error of the mean-image baseline.
        clients: names, a panel each; all panels share their axes.
        attackers: names, in the order of the legend.
    """
    frame, baseline = summary.to_pandas(), parquet.metadata(tradeoff)["mean_image_rmse"]
    across = min(len(clients), _PANELS)
    down = ceil(len(clients) / across)
    height = 2.6 if down == 1 else 0.6 + 1.4 * down
    figure, axes = style.new(height, nrows=down, ncols=across, sharey=True, squeeze=False)
    for panel, (axis, client) in enumerate(zip_longest(axes.flat, clients)):
        if client is None:
            axis.set_axis_off()
            continue
        _errors_by_rate(axis, frame[frame["client"] == client], baseline, attackers)
        axis.tick_params(labelbottom=panel + across >= len(clients))  # no panel below
        if len(clients) > 1:
            axis.set_title(client)
    axes[0, 0].set_ylim(0, None)
    if len(clients) == 1:
        axes[0, 0].set(xlabel="dropout rate", ylabel=CLIPPED)
    else:
        figure.supxlabel("dropout rate", fontsize=8)
        figure.supylabel(CLIPPED, fontsize=8)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure


def _errors_by_rate(axis: Axes, frame: pd.DataFrame, baseline: float, attackers: list[str]) -> None:
    """Draw the errors of attacks on one client."""
    rates = sorted(frame["dropout_rate"].unique())
    mark_published(axis, {rate: rate for rate in rates})
    style.mean_image(axis, baseline)
    step = 0.012 * (max(rates) - min(rates) or 1)
    for index, (name, look) in enumerate(style.attacker_looks(attackers).items()):
        rows = frame[frame["attacker"] == name].sort_values("dropout_rate")
        shift = step * (index - (len(attackers) - 1) / 2)
        places = rows["dropout_rate"] + shift
        style.intervals(axis, places, rows, MEAN_CLIPPED, label=name, markersize=3.5, **look)
    axis.set_xticks(rates)


def privacy_and_utility(tradeoff: pa.Table, client: str, attackers: list[str]) -> Figure:
    """Reconstruction error against test accuracy of one client, a point per attacker and rate.

    The shaded region is what a user wants: an error above the mean-image baseline and an accuracy
    that is hardly lower and above chance. The title names the rates in that region for all
    attackers that succeed without a defence, and why the others, whose points are hollow, are
    inconclusive.

    Args:
        tradeoff: the trade-off table; if it has no rows, the figure says what is missing.
        client: its name.
        attackers: names, in the order of the legend.
    """
    frame, metadata = tradeoff.to_pandas().query("client == @client"), parquet.metadata(tradeoff)
    by_client = ("lowest_accuracy", "at_chance", "doubts")
    metadata |= {name: metadata[name][client] for name in by_client}
    figure, axis = style.new(2.8)
    if frame.empty:
        say_missing(axis)
        return figure
    for name, look in style.attacker_looks(attackers).items():
        rows = frame[frame["attacker"] == name].sort_values("dropout_rate")
        fill = "none" if metadata["doubts"][name] else look["color"]
        look |= {"label": name, "markerfacecolor": fill, "markersize": 3.5}
        style.intervals(axis, rows["test_accuracy"], rows, MEAN_CLIPPED, **look)
    frame = frame.assign(top=frame["rmse_clipped_high"].fillna(frame["rmse_clipped_mean"]))
    baseline = metadata["mean_image_rmse"]
    style.mean_image(axis, baseline)
    axis.set(xlabel="test accuracy", ylabel=CLIPPED)
    axis.set_ylim(0, 1.15 * frame["top"].max())
    axis.margins(x=0.12)
    lowest = max(metadata["lowest_accuracy"], metadata["chance"]["high"])
    left, right = axis.get_xlim()
    left = mark_chance(axis, metadata["chance"], left, right)
    right = max(right, lowest + 2 * _RATE_WIDTH * (right - left))
    axis.fill_between(
        [lowest, right],
        baseline,
        max(axis.get_ylim()[1], baseline),
        color="tab:green",
        alpha=0.12,
        linewidth=0,
        label="private and accurate",
        zorder=0,
    )
    axis.set(xlim=(left, right))
    _name_rates(axis, frame)
    axis.set_title(_verdict(frame, metadata, client, attackers), fontsize=7)
    figure.legend(loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure


def _name_rates(axis: Axes, frame: pd.DataFrame) -> None:
    """Label points with their rates; labels that would overlap are joined, from left to right."""
    left, right = axis.get_xlim()
    width = _RATE_WIDTH * (right - left)
    points = frame.groupby("dropout_rate").agg({"test_accuracy": "first", "top": "max"})
    labels: list[tuple[list[float], float]] = []
    for rate in points.sort_values("test_accuracy").index:
        label, middle = [rate], points["test_accuracy"][rate]
        while labels and middle - labels[-1][1] < width * (len(label) + len(labels[-1][0])) / 2:
            label = labels.pop()[0] + label
            middle = points["test_accuracy"][label].mean()
        labels.append((label, middle))
    for label, middle in labels:
        axis.annotate(
            ", ".join(map(str, label)),
            (middle, points["top"][label].max()),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=6,
        )


def mark_chance(axis: Axes, chance: dict, left: float, right: float) -> float:
    """Draw the interval of chance, or note that it is far away; returns the axis's left end."""
    if chance["high"] < left - (right - left):
        axis.set_xlabel(f"test accuracy (chance, {chance['level']:.2f}, is far to the left)")
        return left
    axis.axvline(chance["level"], **style.CHANCE_LEVEL)
    axis.axvspan(chance["low"], chance["high"], **style.CHANCE_RANGE)
    return min(left, chance["low"])


def _verdict(frame: pd.DataFrame, metadata: dict, client: str, attackers: list[str]) -> str:
    """The rates at which attackers that succeed without a defence fail and accuracy holds.

    Followed by why each other attacker is inconclusive, and which accuracies are at chance.
    """
    doubts = {name: why for name in attackers if (why := metadata["doubts"][name])}
    trusted = [name for name in attackers if name not in doubts]
    lines = []
    if trusted:
        rows = frame[frame["attacker"].isin(trusted)]
        good = (rows["private"].eq(True) & rows["accurate"]).groupby(rows["dropout_rate"]).all()
        rates = ", ".join(f"{rate}" for rate in good.index[good])
        names = ", ".join(trusted) if doubts else "all of them"
        lines.append(f"private from {names} and accurate: {rates or 'no rate'}")
    for reason, attacks in efficacy.grouped({client: doubts}).items():
        ((doubted, _),) = attacks.items()
        lines.append(f"{', '.join(doubted)} inconclusive: {efficacy.explain(reason, attacks)}")
    if at_chance := sorted({*frame["dropout_rate"]} & {*metadata["at_chance"]}):
        lines.append(f"accuracy is at chance: {', '.join(map(str, at_chance))}")
    return "\n".join(part for line in lines for part in wrap(line, _TITLE_WIDTH))


def say_missing(axis: Axes) -> None:
    """Say in place of a figure why the trade-off has no rows."""
    axis.set_axis_off()
    missing = "no dropout rate was both attacked (rates)\nand trained with (utility.rates)"
    axis.text(0.5, 0.5, missing, ha="center", va="center", fontsize=8)
