"""Figure 11: privacy against accuracy for every defence and rate."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from dropleak.figures import style
from dropleak.figures.attackers import mark_chance, say_missing
from dropleak.figures.rmse import CLIPPED
from dropleak.tables import parquet

_DIRECTIONS = [(1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)]
_DISTANCES = (4, 8, 14, 20, 28)
"""Places of a point's name around it, in points of the page, from the best one to the last."""


def defences(defences: pa.Table, client: str) -> Figure:
    """Error of the strongest attacker against test accuracy: a point per defence and rate.

    Points have both intervals, and the strength of their defence as a name. Hollow ones are
    inconclusive. A line connects those that nothing beats.

    Args:
        defences: the table of defences; if it has no rows, the figure says what is missing.
        client: name of the one without a defence.
    """
    frame = defences.to_pandas().query("undefended == @client")
    metadata = parquet.metadata(defences)
    figure, axis = style.new(3.4)
    if frame.empty:
        say_missing(axis)
        return figure
    figure.set_figwidth(2 * style.WIDTH)
    best = frame[frame["front"]].sort_values("test_accuracy")
    line = {"color": "0.85", "linewidth": 4, "zorder": 0, "label": "front"}
    axis.plot(best["test_accuracy"], best["rmse_clipped_mean"], solid_capstyle="round", **line)
    style.mean_image(axis, metadata["mean_image_rmse"])
    kinds = frame["kind"].fillna("dropout")
    looks = style.attacker_looks(kinds.unique())
    for kind, look in looks.items():
        _points(axis, frame[kinds == kind], kind, look["color"], look["marker"])
    axis.set(xlabel="test accuracy", ylabel=CLIPPED)
    top = axis.get_ylim()[1]
    axis.set_ylim(-0.08 * top, 1.08 * top)  # with room for names
    left, right = axis.get_xlim()
    axis.set_xlim(mark_chance(axis, metadata["chance"], left, right), right)
    figure.legend(loc="outside right upper")
    sns.despine(figure)
    figure.draw_without_rendering()  # so that places on the page are known
    _name_points(axis, frame, [looks[kind]["color"] for kind in kinds])
    return figure


def _points(axis: Axes, rows: pd.DataFrame, kind: str, colour: Any, marker: Any) -> None:
    """Draw the points of one kind of defence with their intervals."""
    kept, error = rows["test_accuracy"], rows["rmse_clipped_mean"]
    axis.errorbar(
        kept,
        error,
        xerr=[kept - rows["test_accuracy_low"], rows["test_accuracy_high"] - kept],
        yerr=[error - rows["rmse_clipped_low"], rows["rmse_clipped_high"] - error],
        fmt="none",
        ecolor=colour,
        elinewidth=0.6,
        alpha=0.6,
        zorder=2,
    )
    axis.scatter(kept, error, s=20, marker=marker, color=colour, label=kind, zorder=3)
    doubted = rows["inconclusive"].notna()
    hollow = {"marker": marker, "facecolor": "white", "edgecolor": colour, "zorder": 4}
    axis.scatter(kept[doubted], error[doubted], s=20, **hollow)


def _strength(row: pd.Series) -> str:
    """The settings of a row's defence, and its dropout rate if it is above 0.0."""
    if row["defence"] == "none":
        return f"{row['dropout_rate']}"
    values = row["defence"].removeprefix(row["kind"]).removeprefix("-")
    rate = f" at rate {row['dropout_rate']}" if row["dropout_rate"] else ""
    return f"{re.sub(r'(?<!e)-', ', ', values)}{rate}".strip()


def _name_points(axis: Axes, frame: pd.DataFrame, colours: Sequence[Any]) -> None:
    """Write strengths beside their points, each at the first place that is free."""
    points = frame[["test_accuracy", "rmse_clipped_mean"]].to_numpy()
    around = axis.transData.transform(points)
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in around]
    for (_, row), point, colour in zip(frame.iterrows(), points, colours, strict=True):
        if text := _strength(row):
            taken.append(_name(axis, text, point, taken, colour))


def _name(axis: Axes, text: str, point: np.ndarray, taken: list[Bbox], colour: Any) -> Bbox:
    """Write the name of a point where nothing else is, or at the last place; returns its box."""
    inside = axis.get_window_extent()
    for distance, (right, up) in product(_DISTANCES, _DIRECTIONS):
        name = axis.annotate(
            text,
            (point[0], point[1]),
            (right * distance, up * distance),
            textcoords="offset points",
            ha={1: "left", 0: "center", -1: "right"}[right],
            va={1: "bottom", 0: "center", -1: "top"}[up],
            fontsize=6,
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": colour},
        )
        name.get_window_extent()  # computes where it is
        box = Text.get_window_extent(name)  # without the line to the point
        within = inside.contains(*box.min) and inside.contains(*box.max)
        if within and not any(box.overlaps(other) for other in taken):
            return box
        name.remove()
    axis.add_artist(name)
    return box
