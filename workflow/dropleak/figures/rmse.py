"""Figures 4 and 5: reconstruction error by dropout rate, and on the way there."""

import pyarrow as pa
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak import paper
from dropleak.figures import style

CLIPPED = "RMSE (clipped to [0, 1])"
"""Label of an axis."""


def rmse_by_rate(attacks: pa.Table, summary: pa.Table, attacker: str) -> Figure:
    """RMSE after clipping, for one attacker: every image, quartiles, mean and interval."""
    frame = attacks.select(["attacker", "rate", "rmse_clipped"]).to_pandas()
    frame = frame[frame["attacker"] == attacker]
    means = summary.to_pandas().query("attacker == @attacker")
    rates = sorted(frame["rate"].unique())
    places = range(len(rates))
    figure, axis = style.new(2.4)
    boxes = axis.boxplot(
        [frame.loc[frame["rate"] == rate, "rmse_clipped"] for rate in rates],
        positions=places,
        widths=0.6,
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "black", "linewidth": 0.7},
    )
    for box, colour in zip(boxes["boxes"], style.rate_palette(rates).values(), strict=True):
        box.set(facecolor=(*colour, 0.5), linewidth=0.7)
    sns.stripplot(
        frame, x="rate", y="rmse_clipped", order=rates, color="0.2", size=1.5, alpha=0.5, ax=axis
    )
    axis.errorbar(
        places,
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
    )
    mark_published(axis, dict(zip(rates, places, strict=True)))
    axis.set(xlabel="dropout rate", ylabel=CLIPPED, ylim=(0, None))
    axis.set_xticks(places, [f"{rate}" for rate in rates])
    figure.legend(loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure


def mark_published(axis: Axes, places: dict[float, float]) -> None:
    """The paper's values, at the place of each rate on the axis."""
    published = {place: paper.RMSE[rate] for rate, place in places.items() if rate in paper.RMSE}
    axis.scatter(
        published.keys(),
        published.values(),
        marker="D",
        s=18,
        color=style.ACCENT,
        zorder=5,
        label="the paper's value",
    )


def rmse_by_iteration(attacks: pa.Table, attacker: str) -> Figure:
    """RMSE, not clipped, against the iteration for one attacker: median and quartiles by rate."""
    columns = ["attacker", "rate", "trajectory_iteration", "trajectory_rmse"]
    frame = attacks.select(columns).to_pandas()
    frame = frame[frame["attacker"] == attacker]
    points = frame.explode(["trajectory_iteration", "trajectory_rmse"], ignore_index=True)
    points = points.astype({"trajectory_iteration": int, "trajectory_rmse": float})
    figure, axis = style.new(2.4)
    sns.lineplot(
        points,
        x="trajectory_iteration",
        y="trajectory_rmse",
        hue="rate",
        palette=style.rate_palette(frame["rate"]),
        estimator="median",
        errorbar=("pi", 50),
        linewidth=1.2,
        err_kws={"alpha": 0.15, "linewidth": 0},
        legend="full",
        ax=axis,
    )
    axis.set(xlabel="iteration", ylabel="RMSE (not clipped)", yscale="log", xlim=(0, None))
    handles, labels = axis.get_legend_handles_labels()
    axis.get_legend().remove()
    figure.legend(
        handles,
        labels,
        title="dropout rate",
        loc="outside upper center",
        ncols=len(labels),
        handlelength=1,
        columnspacing=1,
    )
    sns.despine(figure)
    return figure
