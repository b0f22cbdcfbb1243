"""Figure 2: features under dropout."""

from textwrap import fill

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from dropleak.analysis.excerpts import shown_rates
from dropleak.figures import pictures, style
from dropleak.tables import parquet


def features(features: pa.Table, images: pa.Table) -> Figure:
    """An image, and maps of its channels at up to three rates, lowest to highest.

    Features are black to white, and dropped ones coloured. The reason in words if the network has
    no features to show.

    Args:
        features: the table of features.
        images: the attacked image table.
    """
    metadata = parquet.metadata(features)
    if not len(features):
        figure, axis = style.new(1.0)
        axis.set_axis_off()
        reason = f"Not shown: {metadata['reason']}."
        axis.text(0.5, 0.5, fill(reason, 50), ha="center", va="center").set_in_layout(False)
        return figure
    frame = features.to_pandas()
    lowest, highest = frame["value"].min(), frame["value"].max()
    frame["value"] = (frame["value"] - lowest) / (highest - lowest or 1)
    figure, axes = style.new(3.5, nrows=2, ncols=2)
    pictures.show(axes[0, 0], *pictures.truth(images, [metadata["image"]]))
    axes[0, 0].set_title("image")
    colours = colormaps["gray"].with_extremes(bad=style.ACCENT, over=style.NEUTRAL)
    for axis, rate in zip(axes.flat[1:], shown_rates(frame), strict=False):
        maps = pictures.mosaic(_maps(frame[frame["dropout_rate"] == rate]), gap=2)
        axis.imshow(maps, cmap=colours, vmin=0, vmax=1)
        axis.set_title(f"features at rate {rate}")
    for axis in axes.flat:
        axis.set_axis_off()
    figure.legend(handles=[Patch(color=style.ACCENT, label="dropped")], loc="outside lower center")
    return figure


def _maps(frame: pd.DataFrame) -> np.ndarray:
    """The features of one rate, [channels, rows, columns]; nan where dropped."""
    shape = [frame[name].max() + 1 for name in ("channel", "row", "column")]
    maps = np.full(shape, np.nan)
    kept = frame[frame["kept"]]
    maps[kept["channel"], kept["row"], kept["column"]] = kept["value"]
    return maps
