"""Figures 4 and 5: reconstruction error by dropout rate, at the end and during the attack."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak import paper
from dropleak.analysis.excerpts import POINTS
from dropleak.figures import style
from dropleak.tables.lazy import StoredTable

CLIPPED = "RMSE (clipped to [0, 1])"
MEAN_CLIPPED = ("rmse_clipped_mean", "rmse_clipped_low", "rmse_clipped_high")
"""Columns with its mean and the ends of that one's interval."""
"""Label of an axis."""


def rmse_by_rate(attacks: StoredTable, summary: pa.Table, client: str, attacker: str) -> Figure:
    """RMSE after clipping, of one attacker on one client: images, quartiles, mean and interval.

    Points are the first images of the random selection, the same at every rate.
    """
    conditions = ("client", "==", client), ("attacker", "==", attacker)
    frame = attacks.read(["dropout_rate", "rmse_clipped"], *conditions).to_pandas()
    means = summary.to_pandas().query("client == @client and attacker == @attacker")
    rates = sorted(frame["dropout_rate"].unique())
    positions = range(len(rates))
    figure, axis = style.new(2.4)
    boxes = axis.boxplot(
        [frame.loc[frame["dropout_rate"] == rate, "rmse_clipped"] for rate in rates],
        positions=positions,
        widths=0.6,
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "black", "linewidth": 0.7},
    )
    for box, colour in zip(boxes["boxes"], style.rate_palette(rates).values(), strict=True):
        box.set(facecolor=(*colour, 0.5), linewidth=0.7)
    points = frame.groupby("dropout_rate").head(POINTS)
    # Seeded, unlike seaborn's strips, so that every drawing is the same.
    jitter = np.random.default_rng(0).uniform(-0.1, 0.1, len(points))
    axis.scatter(
        points["dropout_rate"].map(rates.index) + jitter,
        points["rmse_clipped"],
        s=1.5**2,
        color="0.2",
        linewidth=0,
        alpha=0.5,
        zorder=3,
    )
    axis.errorbar(
        positions,
        means["rmse_clipped_mean"],
        yerr=[
            means["rmse_clipped_mean"] - means["rmse_clipped_low"],
            means["rmse_clipped_high"] - means["rmse_clipped_mean"],
        ],
        fmt="o",
        color="black",
        markersize=3.5,
        linewidth=1,
        capsize=2,
        label="mean, 95% interval",
        zorder=4,  # above the points
    )
    mark_published(axis, dict(zip(rates, positions, strict=True)))
    axis.set(xlabel="dropout rate", ylabel=CLIPPED, ylim=(0, None))
    axis.set_xticks(positions, [f"{rate}" for rate in rates])
    figure.legend(loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure


def mark_published(axis: Axes, positions: dict[float, float]) -> None:
    """Mark the paper's values, given the position of each rate on the axis."""
    published = {x: paper.RMSE[rate] for rate, x in positions.items() if rate in paper.RMSE}
    axis.scatter(
        list(published),
        list(published.values()),
        marker="D",
        s=18,
        color=style.ACCENT,
        zorder=5,
        label="the paper's value",
    )


def rmse_by_iteration(attacks: StoredTable, client: str, attacker: str) -> Figure:
    """RMSE without clipping against the iteration: median and quartiles by rate."""
    conditions = ("client", "==", client), ("attacker", "==", attacker)
    rates = attacks.read(["dropout_rate"], *conditions)["dropout_rate"].unique().to_pylist()
    figure, axis = style.new(2.4)
    for rate, colour in style.rate_palette(rates).items():
        columns = ["trajectory_iteration", "trajectory_rmse"]
        parts = attacks.parts(columns, *conditions, ("dropout_rate", "==", rate))
        iterations, (lower, median, upper) = _quartiles(parts)
        axis.plot(iterations, median, color=colour, linewidth=1.2, label=f"{rate}")
        axis.fill_between(iterations, lower, upper, color=colour, alpha=0.15, linewidth=0)
    axis.set(xlabel="iteration", ylabel="RMSE (not clipped)", yscale="log", xlim=(0, None))
    figure.legend(
        title="dropout rate",
        loc="outside upper center",
        ncols=len(rates),
        handlelength=1,
        columnspacing=1,
    )
    sns.despine(figure)
    return figure


def _quartiles(parts: Iterable[pa.Table]) -> tuple[list[int], np.ndarray]:
    """Iterations [T], and the three quartiles of the errors at each, [3, T].

    Single precision is enough for a figure and saves memory: 1.2 KB an attack of 5,800 iterations.
    """
    errors = []
    for part in parts:
        iterations = part["trajectory_iteration"][0].as_py()
        flat = part["trajectory_rmse"].combine_chunks().flatten().to_numpy()
        errors.append(flat.reshape(-1, len(iterations)).T.astype(np.float32))
    by_iteration = (np.concatenate(images) for images in zip(*errors, strict=True))
    quartiles = [np.nanpercentile(values, (25, 50, 75)) for values in by_iteration]
    return iterations, np.transpose(quartiles)
