"""Figures 7 and 8: attackers side by side, and against what dropout costs."""

from itertools import zip_longest
from math import ceil
from textwrap import wrap
from typing import Any

import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak.analysis import efficacy
from dropleak.figures import style
from dropleak.figures.rmse import CLIPPED, mark_published
from dropleak.tables import parquet

_PANELS = 2
"""Side by side."""

_RATE_WIDTH = 0.07
"""Of the name of a rate, with what is between it and the next, as a share of the axis."""

_TITLE_WIDTH = 57
"""Characters in a line of a title."""


def attackers_by_rate(
    summary: pa.Table, tradeoff: pa.Table, clients: list[str], attackers: list[str]
) -> Figure:
    """Mean RMSE after clipping by rate, a line per attacker with its 95% intervals.

    Args:
        summary: the summary table.
        tradeoff: its metadata has the error of the mean-image baseline.
        clients: names, a panel each; all have the same axes.
        attackers: names, in the order of the legend.
    """
    frame, baseline = summary.to_pandas(), parquet.metadata(tradeoff)["mean_image_rmse"]
    across = min(len(clients), _PANELS)
    down = ceil(len(clients) / across)
    height = 2.6 if down == 1 else 0.6 + 1.4 * down
    figure, axes = style.new(height, nrows=down, ncols=across, sharey=True, squeeze=False)
    for place, (axis, client) in enumerate(zip_longest(axes.flat, clients)):
        if client is None:
            axis.set_axis_off()
            continue
        _errors_by_rate(axis, frame[frame["client"] == client], baseline, attackers)
        axis.tick_params(labelbottom=place + across >= len(clients))  # nothing is below
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
    """What attackers get from one client."""
    rates = sorted(frame["dropout_rate"].unique())
    mark_published(axis, {rate: rate for rate in rates})
    _draw_baseline(axis, baseline)
    step = 0.012 * (max(rates) - min(rates) or 1)
    for place, (name, look) in enumerate(style.attacker_looks(attackers).items()):
        own = frame[frame["attacker"] == name].sort_values("dropout_rate")
        shift = step * (place - (len(attackers) - 1) / 2)
        _line(axis, own["dropout_rate"] + shift, own, label=name, **look)
    axis.set_xticks(rates)


def privacy_and_utility(tradeoff: pa.Table, client: str, attackers: list[str]) -> Figure:
    """Reconstruction error against test accuracy of one client, a point per attacker and rate.

    Shaded is what a user wants: an error above the mean-image baseline, hardly less accuracy, and
    more than chance. The title names the rates that lie there for every attacker whose failure
    means something, and says of the others, whose points are hollow, why it does not.

    Args:
        tradeoff: the trade-off table; without rows the figure says what is missing.
        client: its name.
        attackers: names, in the order of the legend.
    """
    frame, known = tradeoff.to_pandas().query("client == @client"), parquet.metadata(tradeoff)
    own = ("lowest_accuracy", "at_chance", "doubts")
    known |= {name: known[name][client] for name in own}
    figure, axis = style.new(2.8)
    if frame.empty:
        axis.set_axis_off()
        missing = "no dropout rate was both attacked (rates)\nand trained with (utility.rates)"
        axis.text(0.5, 0.5, missing, ha="center", va="center", fontsize=8)
        return figure
    for name, look in style.attacker_looks(attackers).items():
        own = frame[frame["attacker"] == name].sort_values("dropout_rate")
        fill = "none" if known["doubts"][name] else look["color"]
        _line(axis, own["test_accuracy"], own, label=name, markerfacecolor=fill, **look)
    frame = frame.assign(top=frame["rmse_clipped_high"].fillna(frame["rmse_clipped_mean"]))
    _draw_baseline(axis, known["mean_image_rmse"])
    axis.set(xlabel="test accuracy", ylabel=CLIPPED)
    axis.set_ylim(0, 1.15 * frame["top"].max())
    axis.margins(x=0.12)
    lowest = max(known["lowest_accuracy"], known["chance"]["high"])
    left, right = axis.get_xlim()
    left = _mark_chance(axis, known["chance"], left, right)
    right = max(right, lowest + 2 * _RATE_WIDTH * (right - left))
    axis.fill_between(
        [lowest, right],
        known["mean_image_rmse"],
        max(axis.get_ylim()[1], known["mean_image_rmse"]),
        color="tab:green",
        alpha=0.12,
        linewidth=0,
        label="private and accurate",
        zorder=0,
    )
    axis.set(xlim=(left, right))
    _name_rates(axis, frame)
    axis.set_title(_verdict(frame, known, client, attackers), fontsize=7)
    figure.legend(loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure


def _name_rates(axis: Axes, frame: pd.DataFrame) -> None:
    """Rates above their points; those that would overprint share a label, from left to right."""
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


def _mark_chance(axis: Axes, chance: dict, left: float, right: float) -> float:
    """Draw chance's interval, or say where it is if it is far off; returns the axis's left end."""
    if chance["high"] < left - (right - left):
        axis.set_xlabel(f"test accuracy (chance, {chance['level']:.2f}, is far to the left)")
        return left
    axis.axvline(chance["level"], **style.CHANCE_LEVEL)
    axis.axvspan(chance["low"], chance["high"], **style.CHANCE_RANGE)
    return min(left, chance["low"])


def _verdict(frame: pd.DataFrame, known: dict, client: str, attackers: list[str]) -> str:
    """The rates at which attackers that succeed without dropout fail and accuracy holds.

    Then of each other attacker why it shows nothing, and which accuracies are at chance.
    """
    doubts = {name: known["doubts"][name] for name in attackers if known["doubts"][name]}
    trusted = [name for name in attackers if name not in doubts]
    lines = []
    if trusted:
        own = frame[frame["attacker"].isin(trusted)]
        wanted = (own["private"].eq(True) & own["accurate"]).groupby(own["dropout_rate"]).all()
        rates = ", ".join(f"{rate}" for rate in wanted.index[wanted])
        whom = ", ".join(trusted) if doubts else "all of them"
        lines.append(f"private from {whom} and accurate: {rates or 'no rate'}")
    for reason, attacks in efficacy.grouped({client: doubts}).items():
        ((names, _),) = attacks.items()
        lines.append(f"{', '.join(names)} inconclusive: {efficacy.explain(reason, attacks)}")
    if at_chance := sorted({*frame["dropout_rate"]} & {*known["at_chance"]}):
        lines.append(f"accuracy is at chance: {', '.join(map(str, at_chance))}")
    return "\n".join(part for line in lines for part in wrap(line, _TITLE_WIDTH))


def _line(axis: Axes, x: pd.Series, means: pd.DataFrame, **look: Any) -> None:
    """Means with their intervals."""
    middle = means["rmse_clipped_mean"]
    errors = [middle - means["rmse_clipped_low"], means["rmse_clipped_high"] - middle]
    axis.errorbar(x, middle, yerr=errors, markersize=3.5, linewidth=1, capsize=1.5, **look)


def _draw_baseline(axis: Axes, rmse: float) -> None:
    axis.axhline(
        rmse, color="0.5", linewidth=0.8, linestyle=":", label="mean training image", zorder=1
    )
