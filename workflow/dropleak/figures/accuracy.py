"""Figure 6: test accuracy by dropout rate."""

import pyarrow as pa
import seaborn as sns
from matplotlib.figure import Figure

from dropleak.analysis.accuracy import by_training, last_epoch
from dropleak.analysis.chance import Chance
from dropleak.figures import style


def accuracy_by_rate(utility: pa.Table, labels: pa.ChunkedArray) -> Figure:
    """Test accuracy after the last epoch by dropout rate: mean and range, a line per network.

    Chance is drawn, or noted if it is far below.

    Args:
        utility: the utility table.
        labels: of the test images, from which chance follows.
    """
    trained = by_training(last_epoch(utility.to_pandas()))
    rates = sorted(utility["dropout_rate"].unique().to_pylist())
    figure, axis = style.new(2.4)
    shifts = style.shifts(len(trained), 0.012 * (rates[-1] - rates[0]))
    for (name, runs), look, shift in zip(
        trained.items(), style.looks(trained).values(), shifts, strict=True
    ):
        accuracy = runs.groupby("dropout_rate")["test_accuracy"].agg(["mean", "min", "max"])
        label = name if len(trained) > 1 else "mean and range"
        style.intervals(
            axis, accuracy.index + shift, accuracy, ("mean", "min", "max"), label=label, **look
        )
    axis.set(xlabel="dropout rate", ylabel="test accuracy", xticks=rates)
    style.chance(axis, "y", Chance.of(labels.to_numpy()))
    figure.legend(loc="outside upper center", ncols=2)
    sns.despine(figure)
    return figure
