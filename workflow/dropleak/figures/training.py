"""Figure 10: leakage as training goes on."""

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak.analysis import training as measured
from dropleak.figures import style
from dropleak.figures.rmse import CLIPPED, MEAN_CLIPPED
from dropleak.tables import parquet

_MEASURES = {
    CLIPPED: MEAN_CLIPPED,
    "images recovered": ("success_share", "success_low", "success_high"),
}


def leakage_by_epoch(
    summary: pa.Table, tradeoff: pa.Table, courses: list[dict[str, int]], attackers: list[str]
) -> Figure:
    """Mean RMSE after clipping and share of successes by epoch of training, a line per attacker.

    Panels are side by side for dropout rates, of which not every course need have all. Each course
    has two rows of panels, one per measure.

    Args:
        summary: the summary table.
        tradeoff: its metadata has the error of the mean-image baseline.
        courses: by client the epoch after which it is attacked, see `networks.courses`.
        attackers: names, in the order of the legend.
    """
    frames = [measured.by_epoch(summary, course) for course in courses]
    rates = sorted(pd.concat(frames)["dropout_rate"].unique())
    panels = {"nrows": 2 * len(courses), "ncols": len(rates), "sharex": "row", "sharey": "row"}
    figure, axes = style.new(0.7 + 2.8 * len(courses), squeeze=False, **panels)
    for (above, below), course, frame in zip(
        axes.reshape(-1, 2, len(rates)), courses, frames, strict=True
    ):
        for row, (label, names) in zip((above, below), _MEASURES.items(), strict=True):
            for axis, rate in zip(row, rates, strict=True):
                at_rate = frame[frame["dropout_rate"] == rate]
                _draw(axis, at_rate, names, [*course.values()], attackers)
            row[0].set_ylabel(label)
        for axis, rate in zip(above, rates, strict=True):
            style.mean_image(axis, parquet.metadata(tradeoff)["mean_image_rmse"])
            axis.set_title(f"dropout rate {rate}")
            axis.tick_params(labelbottom=False)
        style.from_zero(above[0])
        below[0].set_ylim(-0.05, 1.05)
        if len(courses) > 1:
            first, *_, last = course
            above[0].set_title(f"{first} to {last}\n", loc="left")  # a line above the rate
    figure.supxlabel("epochs of training", fontsize=8)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure


def _draw(
    axis: Axes,
    frame: pd.DataFrame,
    names: tuple[str, str, str],
    epochs: Sequence[int],
    attackers: Sequence[str],
) -> None:
    """Draw the values of attackers with their intervals.

    Args:
        frame: of one rate, without rows if the course was not attacked there.
        names: columns of the values and of the ends of their intervals.
        epochs: all, equally far from each other.
        attackers: names.
    """
    if frame.empty:
        look = {"fontsize": 7, "ha": "center", "backgroundcolor": "white"}
        axis.text(0.5, 0.5, "not attacked", look, transform=axis.transAxes)
    shifts = style.shifts(len(attackers), 0.08)
    for (name, look), shift in zip(style.looks(attackers).items(), shifts, strict=True):
        rows = frame[frame["attacker"] == name].sort_values("epochs")
        places = [epochs.index(epoch) + shift for epoch in rows["epochs"]]
        style.intervals(axis, places, rows, names, label=name, **look)
    axis.set_xticks(range(len(epochs)), [str(epoch) for epoch in epochs])
