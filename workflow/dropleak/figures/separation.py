"""Figure 12: updates of several images, separated and reconstructed."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak.analysis import separation as measured
from dropleak.figures import style
from dropleak.figures.rmse import CLIPPED, MEAN_CLIPPED
from dropleak.tables.lazy import StoredTable

_SHARE = ("share", "low", "high")


def separation(attacks: StoredTable, summary: pa.Table, attackers: list[str]) -> Figure:
    """Share of updates separated exactly, and RMSE, by rate: a column of panels per client.

    Args:
        attacks: clients with one image per update are left out.
        summary: the summary table.
        attackers: names, in the order of the legend. Those that look for no masks have no share.
    """
    frame, errors = attacks.read(measured.COLUMNS).to_pandas(), summary.to_pandas()
    shares, images = measured.shares(frame), measured.several(frame)
    rates = sorted(errors.loc[errors["client"].isin(images.index), "dropout_rate"].unique())
    panels = {"nrows": 2, "ncols": len(images), "sharex": True, "sharey": "row"}
    figure, axes = style.new(3.5, squeeze=False, **panels)
    for (top, bottom), (client, count) in zip(axes.T, images.items(), strict=True):
        top.set_title(f"{client}\n{count} images")
        shifts = style.shifts(len(attackers), 0.12)
        for (name, look), shift in zip(style.looks(attackers).items(), shifts, strict=True):
            chosen = f"client == {client!r} and attacker == {name!r}"
            _draw(top, shares.query(chosen), _SHARE, rates, shift, **look)
            _draw(bottom, errors.query(chosen), MEAN_CLIPPED, rates, shift, label=name, **look)
        bottom.set_xticks(range(len(rates)), [f"{rate}" for rate in rates], fontsize=6)
    axes[0, 0].set(ylabel="updates separated", ylim=(-0.05, 1.05), xlim=(-0.5, len(rates) - 0.5))
    axes[1, 0].set(ylabel=CLIPPED)
    style.from_zero(axes[1, 0])
    figure.supxlabel("dropout rate", fontsize=8)
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure


def _draw(
    axis: Axes,
    rows: pd.DataFrame,
    names: tuple[str, str, str],
    rates: Sequence[float],
    shift: float,
    **look: Any,
) -> None:
    """Draw a line of values with their intervals.

    Args:
        rows: one per rate.
        names: columns of the values and of the ends of their intervals.
        rates: all, equally far from each other.
        shift: to the right, for legibility.
    """
    rows = rows.sort_values("dropout_rate")
    positions = [rates.index(rate) + shift for rate in rows["dropout_rate"]]
    style.intervals(axis, positions, rows, names, **look)
