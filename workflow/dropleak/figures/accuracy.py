"""Figure 6: what dropout costs in accuracy."""

import pyarrow as pa
import seaborn as sns
from matplotlib.figure import Figure

from dropleak.analysis.chance import Chance
from dropleak.figures import style


def accuracy_by_rate(utility: pa.Table, labels: pa.ChunkedArray) -> Figure:
    """Test accuracy after the last epoch by dropout rate: each run, their mean and range.

    Args:
        utility: the utility table.
        labels: of the test images, which say what chance is.
    """
    frame = utility.select(["rate", "epoch", "test_accuracy"]).to_pandas()
    final = frame[frame["epoch"] == frame["epoch"].max()]
    palette = style.rate_palette(final["rate"])
    figure, axis = style.new(2.4)
    chance = Chance.of(labels.to_numpy())
    axis.axhline(chance.level, **style.CHANCE_LEVEL)
    axis.axhspan(chance.low, chance.high, **style.CHANCE_RANGE)
    common = {"data": final, "x": "rate", "y": "test_accuracy", "ax": axis, "legend": False}
    sns.lineplot(
        **common, errorbar=("pi", 100), err_style="bars", color="0.3", linewidth=1, zorder=1
    )
    sns.scatterplot(**common, hue="rate", palette=palette, s=16, zorder=2)
    axis.set(xlabel="dropout rate", ylabel="test accuracy", ylim=(0, 1.02))
    axis.set_xticks(sorted(final["rate"].unique()))
    figure.legend(loc="outside upper center")
    sns.despine(figure)
    return figure
