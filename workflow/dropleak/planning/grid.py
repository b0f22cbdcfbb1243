"""From the configuration to jobs: which images, how they are batched, what files are called."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dropleak.data import folder, picture
from dropleak.errors import InputError, printable

MIN_SIZE = 8
"""Height and width of the smallest images, in pixels."""

MAX_SIZE = 512
"""And of the largest, if they are square."""


class Dataset(NamedTuple):
    """What planning must know of a built-in data set."""

    train: int
    test: int
    channels: int
    size: int
    """Height and width in pixels."""


DATASETS = {
    "digits": Dataset(train=1437, test=360, channels=1, size=32),
    "cifar10": Dataset(train=50_000, test=10_000, channels=3, size=32),
    "cifar100": Dataset(train=50_000, test=10_000, channels=3, size=32),
    "mnist": Dataset(train=60_000, test=10_000, channels=1, size=28),
    "fashion_mnist": Dataset(train=60_000, test=10_000, channels=1, size=28),
    "svhn": Dataset(train=73_257, test=26_032, channels=3, size=32),
}


def dataset_name(data: dict) -> str:
    """What tables and captions call the configured data set; a folder goes by its own name."""
    if data["source"] != "folder":
        return data["source"]
    name = printable(folder.composed(Path(data["root"]).resolve().name))
    return f"the folder {' '.join(name.split())}"  # as it stands in sentences


def data_identity(data: dict) -> dict:
    """What says whether two configurations have the same images, wherever these are kept.

    Of a folder the names, order and sizes of its files count, as reading all of them would take too
    long: not its own name, nor how a file system composes the characters of names.
    """
    if data["source"] != "folder":
        return {"source": data["source"], "size": data["size"]}
    root = Path(data["root"])
    files = [
        (folder.composed(path.relative_to(root).as_posix()), path.stat().st_size)
        for part in folder.PARTS
        for path in folder.files(root, part)
    ]
    return {"files": hashlib.sha256(repr(files).encode()).hexdigest(), "size": data["size"]}


def count_images(data: dict, part: str) -> int:
    """Images in a part of the configured data set, "train" or "test", without reading them."""
    if data["source"] != "folder":
        return getattr(DATASETS[data["source"]], part)
    return len(folder.files(data["root"], part))


def image_values(data: dict) -> int:
    """Numbers in an image of the configured data set: channels x height x width.

    For a folder without `data.size` going by the header of one image, and taking it for coloured.

    Raises:
        InputError: that image cannot be read, or has a size that cannot be attacked.
    """
    if data["source"] != "folder":
        dataset = DATASETS[data["source"]]
        return dataset.channels * (data["size"] or dataset.size) ** 2
    if data["size"]:
        return 3 * data["size"] ** 2
    path = folder.files(data["root"], "test")[0]
    width, height = picture.size(path)
    check_size(path, width, height)
    return 3 * width * height


def check_size(what: object, width: int, height: int) -> None:
    """Stop if images are of a size that cannot be attacked.

    Raises:
        InputError: saying so of `what`.
    """
    if min(width, height) < MIN_SIZE or width * height > MAX_SIZE**2:
        raise InputError(
            f"{what}: {width}x{height} pixels; the network and SSIM need at least "
            f"{MIN_SIZE}x{MIN_SIZE}, and attacks take up to {MAX_SIZE}x{MAX_SIZE}. Set data.size "
            "to resample images"
        )


def look_through(data: dict) -> list[str]:
    """Look at every image's header of the configured folder: sentences on what is not used of it.

    Raises:
        InputError: images have several sizes, and no size to resample them to is set.
    """
    if data["source"] != "folder":
        return []
    if not data["size"]:
        paths = [path for part in folder.PARTS for path in folder.files(data["root"], part)]
        expected = picture.size(paths[0])
        for path in paths[1:]:
            check_same_size(path, picture.size(path), expected)
    return folder.unused(data["root"])


def check_same_size(path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Stop if an image has another width and height than others.

    Raises:
        InputError: saying so.
    """
    if size != expected:
        raise InputError(
            f"{path}: is {size[0]}x{size[1]} pixels while others are {expected[0]}x{expected[1]}; "
            "set data.size to resample all to one size"
        )


def selection(available: int, seed: int) -> list[int]:
    """The order in which test images are attacked: a permutation of their indices.

    An experiment takes the first ones, so one with more images contains one with fewer.
    """
    return np.random.Generator(np.random.Philox(seed)).permutation(available).tolist()


def batch_size(images_per_job: int, images_per_update: int) -> int:
    """Images in a new attack job: as many whole updates as fit into it, and at least one."""
    return max(1, images_per_job // images_per_update) * images_per_update


def batches(images: int, size: int, there: Iterable[str] = ()) -> list[str]:
    """Positions in the selection that attack jobs take, as "start-stop", stop excluded.

    What is there stays as it is, however it was cut, and the gaps are cut anew: no image is
    attacked twice. While the gaps are filled, in whatever order, the answer stays the same.

    Args:
        images: number of images; the last batch may reach beyond it if it is there.
        size: of new batches.
        there: batches that have results. Of overlapping ones the first counts, and the longest.
    """
    chosen, position = [], 0
    for start, stop in sorted(map(_positions, there), key=lambda batch: (batch[0], -batch[1])):
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
