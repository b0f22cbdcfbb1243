"""What all figures have in common."""

from collections.abc import Sequence

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from dropleak.files import atomic

matplotlib.use("Agg")

WIDTH = 3.4
"""Width of a journal's column in inches."""

ACCENT = "#d55e00"
"""Vermilion of the colour-blind safe palette by Okabe and Ito: what the paper added or claims."""

NEUTRAL = "0.75"
"""Grey of what is dropped or in the background."""


def new(height: float, **subplots: object) -> tuple[Figure, object]:
    """A figure of column width, in the common style, and its axes."""
    sns.set_theme(
        context="paper",
        style="ticks",
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


def attacker_looks(attackers: Sequence[str]) -> dict[str, dict[str, object]]:
    """Colour and marker of each attacker, in their order."""
    colours = sns.color_palette("colorblind", len(attackers))
    markers = "osv^<>pPX*hd"
    return {
        name: {"color": colour, "marker": markers[place % len(markers)]}
        for place, (name, colour) in enumerate(zip(attackers, colours, strict=True))
    }


def save(figure: Figure, pdf: str, png: str) -> None:
    """Write a figure in both formats, each file whole or not at all, and close it."""
    with atomic(pdf) as partial:
        figure.savefig(partial, metadata={"CreationDate": None})
    with atomic(png) as partial:
        figure.savefig(partial, dpi=300)
    plt.close(figure)
