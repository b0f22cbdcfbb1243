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
from dropleak.formatting import number
from dropleak.tables.lazy import StoredTable

CLIPPED = "RMSE (clipped to [0, 1])"
"""Label of an axis."""

MEAN_CLIPPED = ("rmse_clipped_mean", "rmse_clipped_low", "rmse_clipped_high")
"""Columns with its mean and the ends of that one's interval."""

_ASIDE = 0.33
"""Distance of means and of the paper's values from their rate, so that they hide no points."""

_EARLY = 100
"""Iterations on a linear scale. It is logarithmic after them, as most attacks change little."""


def rmse_by_rate(attacks: StoredTable, summary: pa.Table, client: str, attacker: str) -> Figure:
    """RMSE after clipping, of one attacker on one client: images, their mean and its interval.

    Above each rate is the share of successes. Points are the first images of the random selection,
    the same at every rate.
    """
    conditions = ("client", "==", client), ("attacker", "==", attacker)
    frame = attacks.read(["dropout_rate", "rmse_clipped"], *conditions).to_pandas()
    means = summary.to_pandas().query("client == @client and attacker == @attacker")
    means = means.sort_values("dropout_rate")
    rates = [*means["dropout_rate"]]
    positions = np.arange(len(rates))
    figure, axis = style.new(2.5)
    points = frame.groupby("dropout_rate").head(POINTS)
    # Seeded, unlike seaborn's strips, so that every drawing is the same.
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, len(points))
    axis.scatter(
        points["dropout_rate"].map(rates.index) + jitter,
        points["rmse_clipped"],
        s=2**2,
        color="0.3",
        linewidth=0,
        alpha=0.4,
        label="image",
    )
    look = {"fmt": "o", "color": "black", "capsize": 2}
    style.intervals(
        axis, positions + _ASIDE, means, MEAN_CLIPPED, label="mean, 95% interval", **look
    )
    mark_published(axis, dict(zip(rates, positions - _ASIDE, strict=True)))
    axis.set(xlabel="dropout rate", ylabel=CLIPPED)
    axis.set_xticks(positions, [f"{rate}" for rate in rates])
    style.from_zero(axis)
    above = axis.secondary_xaxis("top")
    above.set_xticks(positions, [f"{share:.0%}" for share in means["success_share"]])
    above.tick_params(length=0)
    above.spines[:].set_visible(False)
    above.set_xlabel("images recovered")
    narrow = {"handlelength": 1, "handletextpad": 0.4, "columnspacing": 1, "borderpad": 0}
    figure.legend(loc="outside upper center", ncols=3, **narrow)
    sns.despine(figure)
    return figure


def mark_published(axis: Axes, positions: dict[float, float]) -> None:
    """Mark the paper's values, given the position of each rate on the axis."""
    published = {x: paper.RMSE[rate] for rate, x in positions.items() if rate in paper.RMSE}
    axis.scatter(
        [*published],
        [*published.values()],
        marker="*",
        s=60,
        color=style.ACCENT,
        edgecolor="white",
        linewidth=0.5,
        label="the paper's value (CIFAR-10)",
        zorder=1.9,  # below lines
    )


def rmse_by_iteration(attacks: StoredTable, client: str, attacker: str) -> Figure:
    """RMSE after clipping against the iteration: a panel per rate with median and quartiles.

    Every panel has the medians at the other rates in grey.
    """
    conditions = ("client", "==", client), ("attacker", "==", attacker)
    rates = attacks.read(["dropout_rate"], *conditions)["dropout_rate"].unique().to_pylist()
    columns = ["trajectory_iteration", "trajectory_rmse_clipped"]
    courses = {
        rate: _quartiles(attacks.parts(columns, *conditions, ("dropout_rate", "==", rate)))
        for rate in sorted(rates)
    }
    figure, axes = style.panels(len(courses), across=3, height=1.1)
    colour = style.colours()[0]
    for axis, (rate, (iterations, (lower, median, upper))) in zip(
        axes, courses.items(), strict=True
    ):
        for others, (_, others_median, _) in courses.values():
            axis.plot(others, others_median, color=style.NEUTRAL, linewidth=0.6)
        axis.fill_between(iterations, lower, upper, color=colour, alpha=0.25, linewidth=0)
        axis.plot(iterations, median, color=colour, linewidth=1.2)
        axis.set_title(f"rate {rate}: {number(median[-1])}", fontsize=7)
    if iterations[-1] > _EARLY:
        axes[0].set_xscale("symlog", linthresh=_EARLY)
    axes[0].set_xlim(0, iterations[-1])
    style.from_zero(axes[0])
    figure.supxlabel("iteration", fontsize=8)
    figure.supylabel(CLIPPED, fontsize=8)
    sns.despine(figure)
    return figure


def _quartiles(parts: Iterable[pa.Table]) -> tuple[list[int], np.ndarray]:
    """Iterations [T], and the three quartiles of the errors at each, [3, T].

    Single precision is enough for a figure and saves memory: 1.2 KB an attack of 5,800 iterations.
    """
    errors = []
    for part in parts:
        iterations = part["trajectory_iteration"][0].as_py()
        flat = part["trajectory_rmse_clipped"].combine_chunks().flatten().to_numpy()
        errors.append(flat.reshape(-1, len(iterations)).T.astype(np.float32))
    by_iteration = (np.concatenate(images) for images in zip(*errors, strict=True))
    quartiles = [np.nanpercentile(values, (25, 50, 75)) for values in by_iteration]
    return iterations, np.transpose(quartiles)
