"""The handwritten digits that come with scikit-learn."""

from pathlib import Path

import numpy as np
from PIL import Image

from dropleak.data import picture
from dropleak.data.dataset import LabelledImages


def load(root: Path, size: int | None) -> dict[str, LabelledImages]:
    """1,797 scans of 8x8 pixels and 17 grey levels; every fifth is a test image.

    Args:
        root: unused, as they need no download.
        size: height and width to resample to; by default 32.
    """
    from sklearn.datasets import load_digits  # late: planning imports this module

    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.stack([picture.resample(Image.fromarray(image), size or 32) for image in grey])
    test = np.arange(len(pixels)) % 5 == 0
    classes = [str(name) for name in digits.target_names]
    return {
        "train": LabelledImages(pixels[~test], digits.target[~test], classes),
        "test": LabelledImages(pixels[test], digits.target[test], classes),
    }
