"""What a built-in data set is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class LabelledImages:
    """A part of a data set."""

    pixels: np.ndarray  # uint8 [N, C, H, W]
    labels: np.ndarray  # int [N], positions in `classes`
    classes: list[str]


@dataclass(frozen=True)
class Dataset:
    """Facts that planning needs without loading an image, and how to load the images."""

    train: int
    """Number of training images."""
    test: int
    channels: int
    size: int
    """Height and width in pixels."""
    load: Callable[[Path, int | None], dict[str, LabelledImages]]
    """From `data.root` and `data.size` to both parts, "train" and "test"."""
    method: str
    """Its name in the methods paragraph: LaTeX that may cite `report/references.bib`."""
