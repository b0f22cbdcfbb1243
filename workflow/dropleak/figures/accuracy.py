"""Figure 6: what dropout costs in accuracy."""

import pyarrow as pa
import seaborn as sns
from matplotlib.figure import Figure

from dropleak.figures import style


def accuracy_by_rate(utility: pa.Table) -> Figure:
    """Test accuracy after the last epoch by dropout rate: each run, their mean and range."""
    frame = utility.select(["rate", "epoch", "test_accuracy"]).to_pandas()
    final = frame[frame["epoch"] == frame["epoch"].max()]
    palette = style.rate_palette(final["rate"])
    figure, axis = style.new(2.2)
    common = {"data": final, "x": "rate", "y": "test_accuracy", "ax": axis}
    sns.lineplot(
        **common, errorbar=("pi", 100), err_style="bars", color="0.3", linewidth=1, zorder=1
    )
    sns.scatterplot(**common, hue="rate", palette=palette, legend=False, s=16, zorder=2)
    axis.set(xlabel="dropout rate", ylabel="test accuracy", ylim=(0, 1.02))
    axis.set_xticks(sorted(final["rate"].unique()))
    sns.despine(figure)
    return figure
