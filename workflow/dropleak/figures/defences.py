"""Figure 11: privacy against accuracy for every defence and rate."""

import re

import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.figure import Figure

from dropleak.analysis.chance import Chance
from dropleak.figures import style
from dropleak.figures.naming import name_points
from dropleak.figures.rmse import CLIPPED
from dropleak.figures.tradeoff import points, say_missing
from dropleak.tables import parquet


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
    figure, axis = style.new(4.2)
    if frame.empty:
        say_missing(axis)
        return figure
    best = frame[frame["front"]].sort_values("test_accuracy")
    line = {"color": "0.85", "linewidth": 4, "zorder": 0, "label": "front"}
    axis.plot(best["test_accuracy"], best["rmse_clipped_mean"], solid_capstyle="round", **line)
    style.mean_image(axis, metadata["mean_image_rmse"])
    kinds = frame["kind"].fillna("dropout")
    looks = style.looks(kinds.unique())
    for kind, look in looks.items():
        rows = frame[kinds == kind]
        points(axis, rows, rows["inconclusive"].notna(), kind, look)
    axis.set(xlabel="test accuracy", ylabel=CLIPPED)
    style.chance(axis, "x", Chance(**metadata["chance"]))
    style.from_zero(axis)
    figure.legend(loc="outside upper center", ncols=3, handlelength=1.2, columnspacing=1)
    sns.despine(figure)
    figure.draw_without_rendering()  # so that places on the page are known
    places = frame[["test_accuracy", "rmse_clipped_mean"]].to_numpy()
    names = [_strength(row) for _, row in frame.iterrows()]
    name_points(axis, places, names, [looks[kind]["color"] for kind in kinds])
    return figure


def _strength(row: pd.Series) -> str:
    """The settings of a row's defence, and its dropout rate if it is above 0.0."""
    if row["defence"] == "none":
        return f"{row['dropout_rate']}"
    values = row["defence"].removeprefix(row["kind"]).removeprefix("-")
    rate = f" at rate {row['dropout_rate']}" if row["dropout_rate"] else ""
    return f"{re.sub(r'(?<!e)-', ', ', values)}{rate}".strip()
