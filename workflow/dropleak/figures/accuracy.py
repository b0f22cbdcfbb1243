"""Figure 6: test accuracy by dropout rate."""

from itertools import cycle
from typing import Any

import pyarrow as pa
import seaborn as sns
from matplotlib.figure import Figure

from dropleak.analysis.accuracy import by_training, last_epoch
from dropleak.analysis.chance import Chance
from dropleak.figures import style


def accuracy_by_rate(utility: pa.Table, labels: pa.ChunkedArray) -> Figure:
    """Test accuracy after the last epoch by dropout rate: each run, their mean and range.

    A line per trained network. If there is only one, its points have the colours of the rates.

    Args:
        utility: the utility table.
        labels: of the test images, from which chance follows.
    """
    final = last_epoch(utility.to_pandas())
    trained = by_training(final)
    figure, axis = style.new(2.4)
    chance = Chance.of(labels.to_numpy())
    axis.axhline(chance.level, **style.CHANCE_LEVEL)
    axis.axhspan(chance.low, chance.high, **style.CHANCE_RANGE)
    for (name, runs), colour in zip(trained.items(), cycle(style.colours()), strict=False):
        common = {
            "data": runs,
            "x": "dropout_rate",
            "y": "test_accuracy",
            "ax": axis,
            "legend": False,
        }
        line = {"color": colour, "label": name} if len(trained) > 1 else {"color": "0.3"}
        points: dict[str, Any] = {"color": colour}
        if len(trained) == 1:
            points = {"hue": "dropout_rate", "palette": style.rate_palette(runs["dropout_rate"])}
        sns.lineplot(
            **common, errorbar=("pi", 100), err_style="bars", linewidth=1, zorder=1, **line
        )
        sns.scatterplot(**common, s=16, zorder=2, **points)
    axis.set(xlabel="dropout rate", ylabel="test accuracy", ylim=(0, 1.02))
    axis.set_xticks(sorted(final["dropout_rate"].unique()))
    figure.legend(loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure
