"""The common style of all figures."""

from collections.abc import Iterable
from itertools import cycle
from math import ceil
from typing import Any, Literal

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dropleak.analysis.chance import Chance
from dropleak.runtime.files import atomic

WIDTH = 3.3
"""Width of a journal's column in inches."""

_DPI = 300
"""Resolution of bitmaps, those in PDFs too."""

ACCENT = "#d55e00"
"""Vermilion of Okabe and Ito's colour-blind safe palette, for what the paper added or claims."""

NEUTRAL = "0.75"
"""Grey, for backgrounds."""


def new(height: float, **subplots: Any) -> tuple[Figure, Any]:
    """A figure of column width, in the common style, and its axes."""
    sns.set_theme(
        context="paper",
        style="ticks",
        font="DejaVu Sans",  # comes with matplotlib, unlike seaborn's first choice
        rc={
            "font.size": 8,
            "axes.labelsize": 8,
            "axes.titlesize": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7,
            "legend.title_fontsize": 7,
            "legend.frameon": False,
            "pdf.fonttype": 42,
        },
    )
    return plt.subplots(figsize=(WIDTH, height), layout="constrained", **subplots)


def panels(count: int, across: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels that share both axes, in the common style, and their axes.

    Args:
        count: of panels.
        across: side by side, at most; fewer if that leaves fewer gaps in as many rows.
        height: of a panel with its title, in inches.
    """
    down = ceil(count / across)
    across = ceil(count / down)
    shared = {"nrows": down, "ncols": across, "sharex": True, "sharey": True, "squeeze": False}
    figure, axes = new(0.6 + height * down, **shared)
    shown, left_over = [*axes.flat[:count]], axes.flat[count:]
    for axis in left_over:
        axis.remove()
    for axis in shown[-across:]:
        axis.tick_params(labelbottom=True)  # which panels above a gap do not have
    return figure, shown


def colours() -> list[str]:
    """Colours that colour-blind readers can tell apart, except the accent."""
    return [colour for colour in sns.color_palette("colorblind").as_hex() if colour != ACCENT]


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour, marker and line of each name, in their order; never those of the paper's values."""
    every = zip(cycle(colours()), cycle("osv^<>pPXh"), cycle(["-", "--"]))
    return {
        name: {"color": colour, "marker": marker, "linestyle": line}
        for name, (colour, marker, line) in zip(names, every, strict=False)
    }


def shifts(count: int, step: float) -> list[float]:
    """How far to the side to draw each of so many lines, so that none hides another."""
    return [step * (index - (count - 1) / 2) for index in range(count)]


def intervals(
    axis: Axes,
    x: ArrayLike,
    rows: pd.DataFrame,
    names: tuple[str, str, str],
    **look: Any,
) -> None:
    """Draw a line of values with their intervals.

    Args:
        x: where, one per row.
        names: columns of the values and of the ends of their intervals.
        look: of the line, as `Axes.errorbar` takes it.
    """
    look = {"markersize": 3, "linewidth": 1, "capsize": 1.5} | look
    axis.errorbar(x, rows[names[0]], bars(rows, names), **look)


def bars(rows: pd.DataFrame, names: tuple[str, str, str]) -> list[pd.Series]:
    """How far the ends of intervals are below and above the values, as `Axes.errorbar` takes it.

    Rounding can put the mean of equal values beyond both ends; matplotlib refuses such an interval.

    Args:
        rows: one per value; ends that are not known are nan, and so are their distances.
        names: columns of the values and of the ends of their intervals.
    """
    middle, low, high = (rows[name] for name in names)
    return [(middle - low).clip(lower=0), (high - middle).clip(lower=0)]


def from_zero(axis: Axes) -> None:
    """Let the y axis begin just below zero, so that no marker is cut."""
    top = axis.get_ylim()[1]
    axis.set_ylim(-0.05 * top, top)


def mean_image(axis: Axes, rmse: float) -> None:
    """Draw the error of the mean training image, a baseline that needs no gradient."""
    axis.axhline(
        rmse, color="0.5", linewidth=0.8, linestyle=":", label="mean training image", zorder=1
    )


def chance(axis: Axes, along: Literal["x", "y"], chance: Chance) -> None:
    """Draw the accuracy of a network that has learnt nothing, or note that it is far below.

    Args:
        axis: whose limits follow from its data.
        along: the axis that accuracies are on.
    """
    vertical = along == "x"
    ruler = axis.xaxis if vertical else axis.yaxis
    low, high = ruler.get_view_interval()
    if chance.high < low - (high - low):
        note = f"(chance, {chance.level:.2f}, is far below)"
        ruler.set_label_text(f"{ruler.get_label_text()}\n{note}")
        return
    line, span = (axis.axvline, axis.axvspan) if vertical else (axis.axhline, axis.axhspan)
    line(chance.level, color="0.4", linewidth=0.8, linestyle="--", zorder=0)
    label = "chance, 95% interval"
    span(chance.low, chance.high, color=NEUTRAL, alpha=0.35, linewidth=0, label=label, zorder=0)


def save(figure: Figure, pdf: str, png: str) -> None:
    """Write a figure in both formats, each file whole or not at all, and close it."""
    with atomic(pdf) as partial:
        figure.savefig(partial, dpi=_DPI, metadata={"CreationDate": None})
    with atomic(png) as partial:
        figure.savefig(partial, dpi=_DPI)
    plt.close(figure)
