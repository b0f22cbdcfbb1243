"""Figure 8: reconstruction error against test accuracy."""

from collections.abc import Collection
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import fclusterdata

from dropleak.analysis import inconclusive
from dropleak.analysis.chance import Chance
from dropleak.figures import style
from dropleak.figures.naming import name_points
from dropleak.figures.rmse import CLIPPED, MEAN_CLIPPED
from dropleak.tables import parquet

_ACCURACY = ("test_accuracy", "test_accuracy_low", "test_accuracy_high")
"""Columns of accuracies and of the ends of their intervals."""

_NEAR = (18, 6)
"""Distance of points across and up, in points of the page, below which they have one name."""

_TITLE_WIDTH = 55
"""Characters per line of a title."""


def privacy_and_utility(
    tradeoff: pa.Table, defences: pa.Table, client: str, attackers: list[str]
) -> Figure:
    """Reconstruction error against test accuracy of one client, a point per attacker and rate.

    Points have both intervals, and their rates as names. The shaded region is what a user wants: an
    error above the mean-image baseline and an accuracy that is hardly lower and above chance. The
    title names the rates in that region for all attackers that succeed without a defence, and why
    the others, whose points are hollow, are inconclusive.

    Args:
        tradeoff: the trade-off table; if it has no rows, the figure says what is missing.
        defences: the table of defences, which has the intervals of accuracies.
        client: its name.
        attackers: names, in the order of the legend.
    """
    metadata = parquet.metadata(tradeoff)
    frame = tradeoff.to_pandas().query("client == @client and attacker in @attackers")
    figure, axis = style.new(3.2)
    if frame.empty:
        say_missing(axis)
        return figure
    _, *ends = _ACCURACY
    key = ["client", "dropout_rate"]
    frame = frame.merge(defences.to_pandas()[[*key, *ends]], on=key, how="left")
    doubts = {name: metadata["doubts"][client][name] for name in attackers}
    looks = style.looks(attackers)
    for name, look in looks.items():
        rows = frame[frame["attacker"] == name]
        points(axis, rows, pd.Series(bool(doubts[name]), rows.index), name, look)
    style.mean_image(axis, metadata["mean_image_rmse"])
    axis.set(xlabel="test accuracy", ylabel=CLIPPED)
    chance = Chance(**metadata["chance"])
    style.chance(axis, "x", chance)
    accurate = max(metadata["lowest_accuracy"][client], chance.high)
    _shade(axis, accurate, metadata["mean_image_rmse"])
    axis.set_title(_verdict(frame, client, metadata["at_chance"][client], doubts), fontsize=7)
    figure.legend(loc="outside upper center", ncols=2)
    sns.despine(figure)
    figure.draw_without_rendering()  # so that places on the page are known
    _name_rates(axis, frame, [looks[name]["color"] for name in frame["attacker"]])
    return figure


def points(
    axis: Axes, rows: pd.DataFrame, hollow: pd.Series, label: str, look: dict[str, Any]
) -> None:
    """Draw errors against accuracies with both intervals.

    Args:
        rows: with the columns test_accuracy and rmse_clipped and the ends of their intervals.
        hollow: which of them prove nothing.
        label: in the legend.
        look: see `style.looks`.
    """
    x, y, colour = rows["test_accuracy"], rows["rmse_clipped_mean"], look["color"]
    axis.errorbar(
        x,
        y,
        xerr=style.bars(rows, _ACCURACY),
        yerr=style.bars(rows, MEAN_CLIPPED),
        fmt="none",
        ecolor=colour,
        elinewidth=0.6,
        alpha=0.6,
        zorder=2,
    )
    faces = np.where(hollow, "white", colour)
    common = {"s": 16, "marker": look["marker"], "edgecolors": colour, "linewidths": 0.8}
    axis.scatter(x, y, facecolors=faces, label=label, zorder=3, **common)


def say_missing(axis: Axes) -> None:
    """Say in place of a figure why the trade-off has no rows."""
    axis.set_axis_off()
    missing = "no dropout rate was both attacked (rates)\nand trained with (utility.rates)"
    axis.text(0.5, 0.5, missing, ha="center", va="center", fontsize=8)


def _shade(axis: Axes, accurate: float, private: float) -> None:
    """Shade the region of a sufficient accuracy and error, up to the ends of both axes."""
    (left, right), top = axis.get_xlim(), axis.get_ylim()[1]
    step = 0.05 * (right - left)
    axis.set_xlim(min(left, accurate - step), max(right, accurate + 4 * step))
    axis.set_ylim(-0.05 * top, 1.1 * max(top, private))
    axis.fill_between(
        [accurate, axis.get_xlim()[1]],
        private,
        axis.get_ylim()[1],
        color="tab:green",
        alpha=0.12,
        linewidth=0,
        label="private and accurate",
        zorder=0,
    )


def _name_rates(axis: Axes, frame: pd.DataFrame, colours: list[Any]) -> None:
    """Name points by their rates; those that are close together have one name."""
    places = frame[["test_accuracy", "rmse_clipped_mean"]].to_numpy()
    on_page = axis.transData.transform(places) * 72 / axis.figure.get_dpi()
    clusters = np.ones(1)
    if len(frame) > 1:  # scipy has no clusters of a single point
        clusters = fclusterdata(on_page / _NEAR, 1, "distance", method="complete")
    names = [""] * len(frame)
    every = sorted(frame["dropout_rate"].unique())
    for cluster in np.unique(clusters):
        (members,) = np.nonzero(clusters == cluster)
        middle = members[np.argsort(places[members, 0])[len(members) // 2]]
        names[middle] = _span(sorted(frame["dropout_rate"].iloc[members].unique()), every)
    name_points(axis, places, names, colours)


def _span(rates: list[float], every: list[float]) -> str:
    """Some of all rates; of more than two neighbours, the first and the last."""
    start = every.index(rates[0])
    if len(rates) > 2 and rates == every[start : start + len(rates)]:
        return f"{rates[0]} to {rates[-1]}"
    return ", ".join(map(str, rates))


def _verdict(
    frame: pd.DataFrame, client: str, at_chance: Collection[float], doubts: dict[str, str | None]
) -> str:
    """The rates at which attackers that succeed without a defence fail and accuracy holds.

    Followed by why each other attacker is inconclusive, and which accuracies are at chance.
    """
    trusted = [name for name, doubt in doubts.items() if not doubt]
    lines = []
    if trusted:
        rows = frame[frame["attacker"].isin(trusted)]
        good = (rows["private"].eq(True) & rows["accurate"]).groupby(rows["dropout_rate"]).all()
        rates = ", ".join(f"{rate}" for rate in good.index[good])
        names = ", ".join(trusted) if len(trusted) < len(doubts) else "all of them"
        lines.append(f"private from {names} and accurate: {rates or 'no rate'}")
    for reason, attacks in inconclusive.grouped({client: doubts}).items():
        ((doubted, _),) = attacks.items()
        lines.append(f"{', '.join(doubted)} inconclusive: {inconclusive.explain(reason, attacks)}")
    if shown := sorted({*frame["dropout_rate"]} & {*at_chance}):
        lines.append(f"accuracy is at chance: {', '.join(map(str, shown))}")
    return "\n".join(part for line in lines for part in wrap(line, _TITLE_WIDTH))
