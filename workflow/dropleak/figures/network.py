"""Figure 1: the original network and the network with dropout."""

import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dropleak.figures import style

_TITLES = {"original": "Original", "dropout": "With dropout"}


def networks(network: pa.Table) -> Figure:
    """Both networks side by side, from input to logits, a box per layer with its output's shape."""
    frame = network.to_pandas()
    layers = frame.groupby("network").size().max()
    figure, axes = style.new(0.36 * layers, ncols=2)
    for axis, (name, title) in zip(axes, _TITLES.items(), strict=True):
        _draw(axis, frame[frame["network"] == name])
        axis.set(title=title, xlim=(0, 1), ylim=(layers - 0.5, -0.5))
        axis.set_axis_off()
    return figure


def _draw(axis: Axes, layers: pd.DataFrame) -> None:
    for row, layer in enumerate(layers.itertuples()):
        added = layer.layer == "Dropout"
        box = FancyBboxPatch(
            (0.04, row - 0.31),
            0.92,
            0.62,
            boxstyle="round,pad=0,rounding_size=0.06",
            mutation_aspect=4,
            facecolor=style.ACCENT if added else "white",
            edgecolor=style.ACCENT if added else "0.3",
            linewidth=0.8,
        )
        axis.add_patch(box)
        colour = "white" if added else "black"
        text = f"{layer.layer} {layer.detail}".strip()
        shape = "×".join(map(str, layer.shape))
        axis.text(0.08, row, text, va="center", fontsize=6, color=colour)
        axis.text(0.92, row, shape, va="center", ha="right", fontsize=6, color=colour)
        if row:
            axis.annotate(
                "",
                xy=(0.5, row - 0.31),
                xytext=(0.5, row - 0.69),
                arrowprops={"arrowstyle": "-|>", "linewidth": 0.6, "color": "0.3"},
            )
