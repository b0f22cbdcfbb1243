"""Images, and grids of small ones."""

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes

from dropleak.tables import parquet


def truth(images: pa.Table, chosen: Sequence[int]) -> np.ndarray:
    """Some images of an image table, in the order given, as `decoded`."""
    rows = pc.index_in(pa.array(chosen, images["index"].type), images["index"].combine_chunks())
    return decoded(images["pixels"].take(rows).to_pylist(), parquet.metadata(images)["shape"])


def decoded(pixels: Sequence[bytes], shape: Sequence[int]) -> np.ndarray:
    """Images as figures show them, uint8 [N, H, W, C], or [N, H, W] if they have one channel.

    Args:
        pixels: as tables have them.
        shape: (C, H, W).
    """
    images = parquet.decode_pixels(pixels, shape).transpose(0, 2, 3, 1)
    return images[..., 0] if images.shape[3] == 1 else images


def mosaic(tiles: np.ndarray, gap: float) -> np.ndarray:
    """Tiles in a grid that is about as high as wide, with lines between them.

    Args:
        tiles: [N, H, W] or [N, H, W, C].
        gap: value of the lines.
    """
    count, height, width, *channels = tiles.shape
    across = ceil(sqrt(count))
    down = ceil(count / across)
    grid = np.full((down, across, height + 1, width + 1, *channels), gap, tiles.dtype)
    grid.reshape(-1, *grid.shape[2:])[:count, :-1, :-1] = tiles
    return np.concatenate(np.concatenate(grid, 1), 1)[:-1, :-1]


def show(axis: Axes, pixels: np.ndarray) -> None:
    """Show an image without ticks and frame."""
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
