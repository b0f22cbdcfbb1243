"""Figures 3 and 9: private images and their reconstructions."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak.figures import style
from dropleak.tables import parquet
from dropleak.tables.lazy import Condition, StoredTable


def sample(
    attacks: StoredTable, images: pa.Table, client: str, attacker: str, chosen: list[int]
) -> Figure:
    """A row per image: the truth, then one attacker's reconstruction at each rate, with its RMSE.

    Args:
        attacks: all attacks.
        images: the attacked image table.
        client, attacker: names.
        chosen: indices of the images.
    """
    frame = _attacks(attacks, chosen, ("client", "==", client), ("attacker", "==", attacker))
    rates = sorted(frame["dropout_rate"].unique())
    frame = frame.set_index(["image", "dropout_rate"])
    shape, truth = parquet.metadata(images)["shape"], _truth(images, chosen)
    axes = _grid(len(chosen), len(rates) + 1)
    for axis, title in zip(axes[0], ["truth", *(f"{rate}" for rate in rates)], strict=True):
        axis.set_title(title, fontsize=7, pad=2)
    for row, index in zip(axes, chosen, strict=True):
        _show(row[0], truth[index], shape, "")
        for axis, rate in zip(row[1:], rates, strict=True):
            attack = frame.loc[(index, rate)]
            _show(axis, attack["reconstruction"], shape, _short(attack["rmse"]))
    return axes[0, 0].figure


def attackers_sample(
    attacks: StoredTable,
    images: pa.Table,
    client: str,
    attackers: list[str],
    rate: float,
    chosen: list[int],
) -> Figure:
    """A column per image: the truth, then each attacker's reconstruction at one rate.

    Args:
        attacks: all attacks.
        images: the attacked image table.
        client: its name.
        attackers: names, from top to bottom.
        rate: dropout rate of the client.
        chosen: indices of the images.
    """
    conditions = ("client", "==", client), ("dropout_rate", "==", rate)
    frame = _attacks(attacks, chosen, *conditions).set_index(["attacker", "image"])
    shape, truth = parquet.metadata(images)["shape"], _truth(images, chosen)
    axes = _grid(len(attackers) + 1, len(chosen), names=0.28)
    for row, name in zip(axes, ["truth", *attackers], strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7)
    for column, index in enumerate(chosen):
        _show(axes[0, column], truth[index], shape, "")
        for axis, name in zip(axes[1:, column], attackers, strict=True):
            attack = frame.loc[(name, index)]
            _show(axis, attack["reconstruction"], shape, _short(attack["rmse"]))
    return axes[0, 0].figure


def _attacks(attacks: StoredTable, chosen: list[int], *conditions: Condition) -> pd.DataFrame:
    columns = ["attacker", "dropout_rate", "image", "rmse", "reconstruction"]
    return attacks.read(columns, ("image", "in", chosen), *conditions).to_pandas()


def _truth(images: pa.Table, chosen: list[int]) -> dict[int, bytes]:
    shown = images.filter(pc.field("index").isin(chosen))
    return dict(zip(shown["index"].to_pylist(), shown["pixels"].to_pylist(), strict=True))


def _grid(height: int, width: int, names: float = 0) -> np.ndarray:
    """Axes for images, leaving a share of the width for the rows' names."""
    cell = style.WIDTH * (1 - names) / width
    figure, axes = style.new(0.2 + height * (cell + 0.12), nrows=height, ncols=width, squeeze=False)
    layout: Any = figure.get_layout_engine()
    layout.set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    return axes


def _show(axis: Axes, pixels: bytes, shape: list[int], label: str) -> None:
    image = parquet.decode_pixels([pixels], shape)[0].transpose(1, 2, 0)
    axis.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])
    axis.set_xlabel(label, fontsize=6, labelpad=1)
    axis.spines[:].set_visible(False)


def _short(rmse: float) -> str:
    """An RMSE in few characters."""
    return f"{rmse:.2f}" if rmse < 100 else f"{rmse:.0e}".replace("e+0", "e").replace("e+", "e")
