"""Figure 3: private images and their reconstructions."""

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropleak import tables
from dropleak.figures import style


def sample(attacks: pa.Table, images: pa.Table, attacker: str, chosen: list[int]) -> Figure:
    """A row per image: the truth, then what one attacker made of it at each rate, with its RMSE.

    Args:
        attacks: the attacks of all attackers.
        images: the image table that was attacked.
        attacker: whose reconstructions.
        chosen: indices of the images.
    """
    shape = tables.metadata(images)["shape"]
    truth = dict(zip(images["index"].to_pylist(), images["pixels"].to_pylist(), strict=True))
    columns = ["attacker", "rate", "image", "rmse", "reconstruction"]
    frame = attacks.select(columns).to_pandas()
    frame = frame[(frame["attacker"] == attacker) & frame["image"].isin(chosen)]
    rates = sorted(frame["rate"].unique())
    width, height = len(rates) + 1, len(chosen)
    cell = style.WIDTH / width
    figure, axes = style.new(0.2 + height * (cell + 0.12), nrows=height, ncols=width, squeeze=False)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for axis, title in zip(axes[0], ["truth", *(f"{rate}" for rate in rates)], strict=True):
        axis.set_title(title, fontsize=7, pad=2)
    for row, index in zip(axes, chosen, strict=True):
        _show(row[0], truth[index], shape, "")
        one = frame[frame["image"] == index].set_index("rate")
        for axis, rate in zip(row[1:], rates, strict=True):
            attack = one.loc[rate]
            _show(axis, attack["reconstruction"], shape, _short(attack["rmse"]))
    return figure


def _show(axis: Axes, pixels: bytes, shape: list[int], label: str) -> None:
    image = tables.decode_pixels([pixels], shape)[0].transpose(1, 2, 0)
    axis.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])
    axis.set_xlabel(label, fontsize=6, labelpad=1)
    axis.spines[:].set_visible(False)


def _short(rmse: float) -> str:
    """An RMSE in few characters."""
    return f"{rmse:.2f}" if rmse < 100 else f"{rmse:.0e}".replace("e+0", "e").replace("e+", "e")
