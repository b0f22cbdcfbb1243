"""From the configuration to jobs: which images, how they are batched, what files are called."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np


def selection(available: int, seed: int) -> list[int]:
    """The order in which test images are attacked: a permutation of their indices.

    An experiment takes the first ones, so one with more images contains one with fewer.
    """
    return np.random.Generator(np.random.Philox(seed)).permutation(available).tolist()


def batch_size(images_per_job: int, images_per_update: int) -> int:
    """Images in a new attack job: as many whole updates as fit into it, and at least one."""
    return max(1, images_per_job // images_per_update) * images_per_update


def batches(images: int, size: int, existing: Iterable[str] = ()) -> list[str]:
    """Positions in the selection that attack jobs take, as "start-stop", stop excluded.

    Existing batches are kept, however they were cut, and the gaps between them are cut into new
    ones: no image is attacked twice. While the gaps are filled, in whatever order, the answer stays
    the same.

    Args:
        images: number of images; the last batch may reach beyond it if it exists.
        size: of new batches.
        existing: batches that have results. Of overlapping ones the first counts, and the longest.
    """
    chosen, position = [], 0
    for start, stop in sorted(map(_positions, existing), key=lambda batch: (batch[0], -batch[1])):
        if position <= start < images:
            chosen += [*_cut(position, start, size), f"{start}-{stop}"]
            position = stop
    return [*chosen, *_cut(position, images, size)]


def _cut(start: int, stop: int, size: int) -> list[str]:
    return [f"{first}-{min(first + size, stop)}" for first in range(start, stop, size)]


def _positions(batch: str) -> tuple[int, int]:
    start, stop = batch.split("-")
    return int(start), int(stop)


def rows(path: str, images: int) -> int:
    """How many rows of a batch's file are among the first images of the selection."""
    part = batch_slice(Path(path).stem.removeprefix("images-"))
    return min(part.stop, images) - part.start


def batch_slice(batch: str) -> slice:
    """The part of the selection that a batch's name stands for."""
    return slice(*_positions(batch))
