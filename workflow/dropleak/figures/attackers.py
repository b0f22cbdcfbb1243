"""Figure 7: attackers side by side."""

import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak.figures import style
from dropleak.figures.rmse import CLIPPED, MEAN_CLIPPED, mark_published
from dropleak.tables import parquet


def attackers_by_rate(
    summary: pa.Table, tradeoff: pa.Table, clients: list[str], attackers: list[str]
) -> Figure:
    """Mean RMSE after clipping by rate, a line per attacker with its 95% intervals.

    Args:
        summary: the summary table.
        tradeoff: its metadata has the error of the mean-image baseline.
        clients: names, a panel each.
        attackers: names, in the order of the legend.
    """
    frame, baseline = summary.to_pandas(), parquet.metadata(tradeoff)["mean_image_rmse"]
    frame = frame[frame["client"].isin(clients)]
    rates = sorted(frame["dropout_rate"].unique())
    figure, axes = style.panels(len(clients), across=2, height=2.2 if len(clients) == 1 else 1.4)
    for axis, client in zip(axes, clients, strict=True):
        of_client = frame[frame["client"] == client]
        mark_published(axis, {rate: rate for rate in of_client["dropout_rate"].unique()})
        style.mean_image(axis, baseline)
        _lines(axis, of_client, attackers, step=0.012 * (rates[-1] - rates[0]))
        if len(clients) > 1:
            axis.set_title(client)
    axes[0].set_xticks(rates)
    style.from_zero(axes[0])
    figure.supxlabel("dropout rate", fontsize=8)
    figure.supylabel(CLIPPED, fontsize=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure


def _lines(axis: Axes, frame: pd.DataFrame, attackers: list[str], step: float) -> None:
    """Draw the errors of attacks on one client, each line that far from the one before."""
    shifts = style.shifts(len(attackers), step)
    for (name, look), shift in zip(style.looks(attackers).items(), shifts, strict=True):
        rows = frame[frame["attacker"] == name].sort_values("dropout_rate")
        style.intervals(axis, rows["dropout_rate"] + shift, rows, MEAN_CLIPPED, label=name, **look)
