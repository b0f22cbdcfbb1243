"""From the configuration to jobs: which images, how they are batched, what files are called.

Needs no torch, so that planning is quick.
"""

import os
from pathlib import Path

import numpy as np

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""The endings that torchvision's ImageFolder takes for images."""

TEST_IMAGES = {
    "digits": 360,
    "cifar10": 10_000,
    "cifar100": 10_000,
    "mnist": 10_000,
    "fashion_mnist": 10_000,
    "svhn": 26_032,
}
"""Number of test images of each built-in data set; those of a folder are counted."""


def dataset_name(data: dict) -> str:
    """What tables and captions call the configured data set; a folder goes by its own name."""
    if data["source"] != "folder":
        return data["source"]
    return f"the folder {Path(data['root']).resolve().name}"


def count_test_images(data: dict) -> int:
    """Test images of the configured data set, without reading them."""
    if data["source"] != "folder":
        return TEST_IMAGES[data["source"]]
    return sum(
        name.lower().endswith(IMAGE_SUFFIXES)
        for entry in Path(data["root"], "test").iterdir()
        for _, _, names in os.walk(entry, followlinks=True)
        for name in names
    )


def selection(available: int, seed: int) -> list[int]:
    """The order in which test images are attacked: a permutation of their indices.

    An experiment takes the first ones, so one with more images contains one with fewer.
    """
    return np.random.Generator(np.random.Philox(seed)).permutation(available).tolist()


def batches(images: int, images_per_job: int) -> list[str]:
    """Positions in the selection that each attack job takes, as "start-stop", stop excluded."""
    starts = range(0, images, images_per_job)
    return [f"{start}-{min(start + images_per_job, images)}" for start in starts]


def batch_slice(batch: str) -> slice:
    """The part of the selection that a batch's name stands for."""
    start, stop = batch.split("-")
    return slice(int(start), int(stop))
