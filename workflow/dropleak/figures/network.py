"""Figure 1: the network, and where dropout goes in."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dropleak.figures import style

_MANY = 24
"""Layers up to which all have a row, and rows up to which there is room between them."""

_NEAR = 2
"""Of more layers, how many have a row before and after each dropout layer, and at the ends."""


_WIDEST = 44
"""Characters of a layer that leave room for its shape."""


class _Row(NamedTuple):
    text: str
    shape: str = ""
    kind: str = ""
    """Of a layer; empty for several that are left out."""


def network(network: pa.Table) -> Figure:
    """The layers from input to logits, each with its output's shape, and dropout coloured."""
    layers = network.to_pandas()
    every = map(_row, layers.itertuples())
    rows = list(every if len(layers) <= _MANY else _near_dropout(layers))
    loose = len(rows) <= _MANY
    margin = 0.19 if loose else 0.05
    figure, axis = style.new(len(rows) * (0.27 if loose else 0.16))
    axis.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5))
    axis.set_axis_off()
    for place, row in enumerate(rows):
        _draw(axis, place, row, margin)
        if place and loose:
            axis.annotate(
                "",
                xy=(0.5, place - 0.5 + margin),
                xytext=(0.5, place - 0.5 - margin),
                arrowprops={"arrowstyle": "-|>", "linewidth": 0.6, "color": "0.3"},
            )
    return figure


def _row(layer: tuple) -> _Row:
    _, kind, detail, shape, _ = layer
    text = f"{kind} {detail}".strip()
    if len(text) > _WIDEST:
        text = f"{text[: _WIDEST // 2]}…{text[1 - _WIDEST // 2 :]}"
    return _Row(text, "×".join(map(str, shape)), kind)


def _near_dropout(layers: pd.DataFrame) -> Iterator[_Row]:
    """Rows for the layers near dropout and the ends, and one for each run of others."""
    wanted = layers["layer"] == "Dropout"
    wanted.iloc[[0, -1]] = True
    near = wanted.rolling(2 * _NEAR + 1, center=True, min_periods=1).max() > 0
    for shown, run in groupby(layers.itertuples(), lambda layer: near[layer.Index]):
        if shown:
            yield from map(_row, run)
        else:
            parameters = [layer.parameters for layer in run]
            yield _Row(f"… {len(parameters)} layers with {sum(parameters):,} parameters …")


def _draw(axis: Axes, place: int, row: _Row, margin: float) -> None:
    added = row.kind == "Dropout"
    if row.kind:
        box = FancyBboxPatch(
            (0.01, place - 0.5 + margin),
            0.98,
            1 - 2 * margin,
            boxstyle="round,pad=0,rounding_size=0.02",
            mutation_aspect=12,
            facecolor=style.ACCENT if added else "white",
            edgecolor=style.ACCENT if added else "0.3",
            linewidth=0.8,
        )
        axis.add_patch(box)
    look: dict[str, Any] = {
        "va": "center_baseline",
        "fontsize": 6.5,
        "color": "white" if added else "black",
    }
    axis.text(0.04, place, row.text, **look)
    axis.text(0.96, place, row.shape, ha="right", **look)
