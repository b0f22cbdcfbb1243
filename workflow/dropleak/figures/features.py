"""Figure 2: features under dropout."""

from math import ceil, sqrt

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from dropleak.analysis.excerpts import shown_rates
from dropleak.figures import style


def features(features: pa.Table) -> Figure:
    """Maps of all channels at up to three rates, lowest to highest; dropped features are grey."""
    frame = features.to_pandas()
    shown = shown_rates(frame)
    highest = float(frame["value"].max())
    values = Normalize(frame["value"].min(), highest)
    colours = colormaps["viridis"].with_extremes(bad=style.NEUTRAL, over="white")
    figure, axes = style.new(1.1, ncols=len(shown), squeeze=False)
    for axis, rate in zip(axes[0], shown, strict=True):
        mosaic = _mosaic(frame[frame["dropout_rate"] == rate], gap=2 * highest)
        image = axis.imshow(mosaic, norm=values, cmap=colours)
        axis.set(title=f"rate {rate}", xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="feature", shrink=0.8, aspect=10)
    return figure


def _mosaic(frame: pd.DataFrame, gap: float) -> np.ndarray:
    """The channels' maps in a grid: nan for dropped features, `gap` between maps."""
    channels, rows, columns = (frame[name].max() + 1 for name in ("channel", "row", "column"))
    kept = frame["value"].where(frame["kept"])
    maps = np.full((channels, rows, columns), np.nan)
    maps[frame["channel"], frame["row"], frame["column"]] = kept
    across = ceil(sqrt(channels))
    size = (ceil(channels / across) * (rows + 1) - 1, across * (columns + 1) - 1)
    mosaic = np.full(size, gap)
    for channel, values in enumerate(maps):
        top, left = channel // across * (rows + 1), channel % across * (columns + 1)
        mosaic[top : top + rows, left : left + columns] = values
    return mosaic
