"""The common style of all figures."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak.runtime.files import atomic

WIDTH = 3.4
"""Width of a journal's column in inches."""

ACCENT = "#d55e00"
"""Vermilion of Okabe and Ito's colour-blind safe palette, for what the paper added or claims."""

NEUTRAL = "0.75"
"""Grey, for dropped features and backgrounds."""

CHANCE_LEVEL: dict[str, Any] = {"color": "0.4", "linewidth": 0.8, "linestyle": "--", "zorder": 0}
CHANCE_RANGE: dict[str, Any] = {
    "color": NEUTRAL,
    "alpha": 0.35,
    "linewidth": 0,
    "label": "chance, 95% interval",
    "zorder": 0,
}
"""Style of the accuracy of a network that has learnt nothing."""


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


def rate_palette(rates: Sequence[float]) -> dict[float, tuple]:
    """A colour for each dropout rate, from light to dark."""
    rates = sorted(set(rates))
    return dict(zip(rates, sns.color_palette("viridis_r", len(rates)), strict=True))


def colours() -> list[str]:
    """Colours that colour-blind readers can tell apart, except the accent."""
    return [colour for colour in sns.color_palette("colorblind").as_hex() if colour != ACCENT]


def attacker_looks(attackers: Sequence[str]) -> dict[str, dict[str, object]]:
    """Colour, marker and line of each attacker, in their order; never the accent colour."""
    looks = zip(cycle(colours()), cycle("osv^<>pPX*h"), cycle(["-", "--"]))
    return {
        name: {"color": colour, "marker": marker, "linestyle": line}
        for name, (colour, marker, line) in zip(attackers, looks, strict=False)
    }


def intervals(
    axis: Axes,
    x: Sequence[float],
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
    middle, low, high = (rows[name] for name in names)
    errors = [middle - low, high - middle]
    axis.errorbar(x, middle, errors, **{"markersize": 3, "linewidth": 1, "capsize": 1.5} | look)


def mean_image(axis: Axes, rmse: float) -> None:
    """Draw the error of the mean training image, a baseline that needs no gradient."""
    axis.axhline(
        rmse, color="0.5", linewidth=0.8, linestyle=":", label="mean training image", zorder=1
    )


def save(figure: Figure, pdf: str, png: str) -> None:
    """Write a figure in both formats, each file whole or not at all, and close it."""
    with atomic(pdf) as partial:
        figure.savefig(partial, metadata={"CreationDate": None})
    with atomic(png) as partial:
        figure.savefig(partial, dpi=300)
    plt.close(figure)
