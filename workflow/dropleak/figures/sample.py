"""Figures 3 and 9: private images and their reconstructions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak.analysis.excerpts import TOGETHER
from dropleak.figures import pictures, style
from dropleak.formatting import number
from dropleak.tables import parquet
from dropleak.tables.lazy import Condition, StoredTable

_WIDEST = 0.6
"""Width of a cell in inches, at most."""


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
    shape = parquet.metadata(images)["shape"]
    figure, axes = _grid(len(chosen), rates)
    for row, index, pixels in zip(axes, chosen, pictures.truth(images, chosen), strict=True):
        _show(row[0], pixels, "RMSE")
        for axis, rate in zip(row[1:], rates, strict=True):
            attack = frame.loc[(index, rate)]
            (shown,) = pictures.decoded([attack["reconstruction"]], shape)
            _show(axis, shown, number(attack["rmse_clipped"]))
    return figure


def attackers_sample(
    attacks: StoredTable, images: pa.Table, client: str, attackers: list[str], chosen: list[int]
) -> Figure:
    """A row per attacker: up to four images, then their reconstructions at each rate.

    Below each cell is the mean RMSE of its images.

    Args:
        attacks: all attacks.
        images: the attacked image table.
        client: its name.
        attackers: names, from top to bottom.
        chosen: indices of the images.
    """
    chosen = chosen[:TOGETHER]
    frame = _attacks(attacks, chosen, ("client", "==", client))
    cells = dict(tuple(frame.groupby(["attacker", "dropout_rate"])))
    rates = sorted(frame["dropout_rate"].unique())
    shape, truth = parquet.metadata(images)["shape"], pictures.truth(images, chosen)
    figure, axes = _grid(len(attackers), rates)
    for row, name in zip(axes, attackers, strict=True):
        _show(row[0], pictures.mosaic(truth, gap=255), "RMSE")
        row[0].set_ylabel(
            name.replace("-", "-\n"), rotation=0, ha="right", va="center", fontsize=6.5
        )
        for axis, rate in zip(row[1:], rates, strict=True):
            cell = cells[name, rate].set_index("image").loc[chosen]
            shown = pictures.decoded(cell["reconstruction"], shape)
            mean = number(cell["rmse_clipped"].mean())
            _show(axis, pictures.mosaic(shown, gap=255), mean)
    return figure


def _attacks(attacks: StoredTable, chosen: list[int], *conditions: Condition) -> pd.DataFrame:
    columns = ["attacker", "dropout_rate", "image", "rmse_clipped", "reconstruction"]
    return attacks.read(columns, ("image", "in", chosen), *conditions).to_pandas()


def _grid(height: int, rates: Sequence[float]) -> tuple[Figure, np.ndarray]:
    """A column of axes for the truth, and one for each rate, with titles."""
    width = len(rates) + 1
    cell = min(style.WIDTH / width, _WIDEST)
    figure, axes = style.new(0.3 + height * (cell + 0.15), nrows=height, ncols=width, squeeze=False)
    figure.set_layout_engine("compressed", w_pad=0.01, h_pad=0.03, wspace=0.02, hspace=0)
    figure.suptitle("dropout rate", fontsize=7)
    for axis, title in zip(axes[0], ["truth", *(f"{rate}" for rate in rates)], strict=True):
        axis.set_title(title, fontsize=7, pad=2)
    return figure, axes


def _show(axis: Axes, pixels: np.ndarray, label: str) -> None:
    pictures.show(axis, pixels)
    axis.set_xlabel(label, fontsize=6.5, labelpad=1)
