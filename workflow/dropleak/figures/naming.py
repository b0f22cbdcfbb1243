"""Names of points, written where nothing else is."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox

_DIRECTIONS = [(1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)]
_DISTANCES = (4, 8, 14, 20, 28)
"""Places of a point's name around it, in points of the page, from the best one to the last."""

_HALO = withStroke(linewidth=1.5, foreground="white")


def name_points(
    axis: Axes, points: np.ndarray, names: Sequence[str], colours: Sequence[Any]
) -> None:
    """Write names beside their points, each at the first place that is free.

    Args:
        axis: of a figure that was laid out, so that places on the page are known.
        points: [N, 2], in data coordinates.
        names: N; those that are empty are not written.
        colours: N, of the points, which names have too, but darker.
    """
    around = axis.transData.transform(points)
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in around]
    for point, name, colour in zip(points, names, colours, strict=True):
        if name:
            taken.append(_name(axis, name, point, taken, colour))


def _name(axis: Axes, text: str, point: np.ndarray, taken: list[Bbox], colour: Any) -> Bbox:
    """Write the name of a point where nothing else is, or at the last place; returns its box."""
    inside = axis.get_window_extent()
    for distance, (right, up) in product(_DISTANCES, _DIRECTIONS):
        name = axis.annotate(
            text,
            (point[0], point[1]),
            (right * distance, up * distance),
            textcoords="offset points",
            ha={1: "left", 0: "center", -1: "right"}[right],
            va={1: "bottom", 0: "center", -1: "top"}[up],
            fontsize=6,
            color=[0.6 * part for part in to_rgb(colour)],  # dark enough to be read
            path_effects=[_HALO],
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": colour},
        )
        name.get_window_extent()  # computes where it is
        box = Text.get_window_extent(name)  # without the line to the point
        within = inside.contains(*box.min) and inside.contains(*box.max)
        if within and not any(box.overlaps(other) for other in taken):
            return box
        name.remove()
    axis.add_artist(name)
    return box
