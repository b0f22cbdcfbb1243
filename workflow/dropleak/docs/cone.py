"""Draw the picture of docs/separation.md: columns of a gradient in the cone of three images.

The features are drawn at random.

python -m dropleak.docs.cone [FILE]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dropleak.assets import ROOT
from dropleak.figures import style

_CORNERS = np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])
"""Of a section through a cone of three rays."""


def section(inputs: NDArray) -> NDArray:
    """The columns of a gradient in a plane through their cone, [d, 2].

    Args:
        inputs: of the classifier for three images, [3, d], none of whose columns is zero.
    """
    weights = inputs / inputs.mean(1, keepdims=True)
    return (weights / weights.sum(0)).T @ _CORNERS


def cone(inputs: NDArray) -> Figure:
    """The section with each column, by the images that dropped it; arguments as above."""
    figure, axis = style.new(2.9)
    points, dropped = section(inputs), inputs == 0
    axis.fill(*_CORNERS.T, facecolor="none", edgecolor="black", linewidth=0.8, zorder=1)
    looks = zip(style.colours(), "osv", strict=False)
    by_all = ~dropped.any(0)
    axis.scatter(*points[by_all].T, s=5, color=style.NEUTRAL, linewidth=0, label="kept by all")
    for image, (colour, marker) in zip(range(3), looks, strict=False):
        alone = dropped[image] & (dropped.sum(0) == 1)
        axis.scatter(
            *points[alone].T,
            s=12,
            color=colour,
            marker=marker,
            linewidth=0,
            label=f"dropped by image {image + 1}",
            zorder=2,
            clip_on=False,
        )
    by_two = dropped.sum(0) == 2
    axis.scatter(*points[by_two].T, s=28, color="black", label="dropped by two", zorder=3)
    middle = _CORNERS.mean(0)
    for image, corner in enumerate(_CORNERS, start=1):
        outwards = (corner - middle) / np.linalg.norm(corner - middle)
        foot = middle - outwards / np.sqrt(12)  # of the normal, on the side opposite the corner
        axis.text(*(corner + 0.08 * outwards), f"$e_{image}$", ha="center", va="center")
        axis.text(*(foot - 0.07 * outwards), f"$q_{image}$", ha="center", va="center")
        arrow = {"arrowstyle": "->", "color": "black", "linewidth": 0.9}
        axis.annotate("", foot + 0.15 * outwards, foot, arrowprops=arrow, zorder=4)
    axis.set_aspect("equal")
    axis.set_axis_off()
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def main(path: Path) -> None:
    random = np.random.default_rng(0)
    inputs = np.exp(random.normal(size=(3, 240))) * (random.random((3, 240)) > 0.3)
    cone(inputs[:, inputs.any(0)]).savefig(path, dpi=300)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "cone.png")
