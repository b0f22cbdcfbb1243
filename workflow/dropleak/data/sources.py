"""Data sources to the image table: uint8 pixels, labels and class names."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from urllib.error import URLError

import numpy as np
import pyarrow as pa
from PIL import Image
from sklearn.datasets import load_digits
from torchvision import datasets

from dropleak.data import folder, picture
from dropleak.data.folder import PARTS
from dropleak.errors import InputError
from dropleak.planning import grid
from dropleak.runtime import files
from dropleak.tables import parquet
from dropleak.tables.schemas import IMAGES


@dataclass(frozen=True)
class LabelledImages:
    """A part of a data set."""

    pixels: np.ndarray  # uint8 [N, C, H, W]
    labels: np.ndarray  # int [N], positions in `classes`
    classes: list[str]


Loader = Callable[[Path, int | None], dict[str, LabelledImages]]
"""(root, size in pixels or None) -> both parts, by name."""


def image_tables(source: str, root: str, size: int | None) -> dict[str, pa.Table]:
    """The image tables of a data set's parts, "train" and "test".

    Args:
        source: a name in `SOURCES`.
        root: folder of the images or of the download; unused by `digits`.
        size: height and width to resample to; None keeps the images' own.

    Raises:
        InputError: if the data cannot be had or are not usable.
    """
    parts = SOURCES[source](Path(root), size)
    height, width = parts["test"].pixels.shape[2:]
    grid.check_size(f"the images of {source}", width, height)
    training_std = _channel_std(parts["train"].pixels)
    return {
        name: parquet.build(
            IMAGES,
            {
                "index": np.arange(len(part.labels)),
                "label": part.labels,
                "pixels": parquet.encode_pixels(part.pixels),
            },
            dataset=grid.dataset_name({"source": source, "root": root}),
            shape=list(part.pixels.shape[1:]),
            classes=part.classes,
            training_std=training_std,
        )
        for name, part in parts.items()
    }


def _channel_std(pixels: np.ndarray) -> list[float]:
    """Standard deviation of each channel of uint8 [N, C, H, W], as a share of the pixel range."""
    counts = [np.bincount(pixels[:, c].ravel(), minlength=256) for c in range(pixels.shape[1])]
    levels = np.arange(256) / 255
    means = [np.average(levels, weights=count) for count in counts]
    return [
        float(np.sqrt(np.average((levels - mean) ** 2, weights=count)))
        for mean, count in zip(means, counts, strict=True)
    ]


def _digits(root: Path, size: int | None) -> dict[str, LabelledImages]:
    """scikit-learn's 1,797 scans of 8x8 pixels and 17 grey levels; every fifth is a test image."""
    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.stack([picture.resample(Image.fromarray(image), size or 32) for image in grey])
    test = np.arange(len(pixels)) % 5 == 0
    classes = [str(name) for name in digits.target_names]
    return {
        "train": LabelledImages(pixels[~test], digits.target[~test], classes),
        "test": LabelledImages(pixels[test], digits.target[test], classes),
    }


@dataclass(frozen=True)
class _Download:
    """A data set of torchvision, and what a user without a network must know about its files."""

    dataset: Callable[..., datasets.VisionDataset]
    url: str
    files: str


_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_IDX = "{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
_DOWNLOADS = {
    "cifar10": _Download(datasets.CIFAR10, _CIFAR, "cifar-10-python.tar.gz"),
    "cifar100": _Download(datasets.CIFAR100, _CIFAR, "cifar-100-python.tar.gz"),
    "mnist": _Download(datasets.MNIST, datasets.MNIST.mirrors[0], f"MNIST/raw/{_IDX}"),
    "fashion_mnist": _Download(
        datasets.FashionMNIST, datasets.FashionMNIST.mirrors[0], f"FashionMNIST/raw/{_IDX}"
    ),
    "svhn": _Download(
        datasets.SVHN, "http://ufldl.stanford.edu/housenumbers/", "{train,test}_32x32.mat"
    ),
}


_DAMAGE = (AssertionError, EOFError, LookupError, RuntimeError, ValueError)
"""What torchvision raises, by its asserts or beyond the end, for content that it cannot decode."""

_NETWORK = (RuntimeError, HTTPException, URLError, ConnectionError, TimeoutError, SSLError)
"""What it raises when a download fails, also for one with another checksum."""


@contextmanager
def _reading(name: str, root: Path) -> Iterator[None]:
    """Say what it is that keeps a data set from being read: its place, or its content."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{error.filename or root}: cannot be read ({error.strerror or error}); mend that, or "
            "set data.root to a copy that can be read"
        ) from None
    except _DAMAGE as error:
        raise InputError(
            f"{root}: the files of {name} are damaged ({type(error).__name__}: {error}); remove "
            "them to have them downloaded anew"
        ) from None


def _torchvision(name: str) -> Loader:
    """A data set of torchvision: taken from the root if it is there, else downloaded to it.

    torchvision unpickles CIFAR's files, and does so only after their checksums have matched.
    """
    source = _DOWNLOADS[name]

    def open_part(root: Path, part: str) -> datasets.VisionDataset:
        which = {"split": part} if name == "svhn" else {"train": part == "train"}
        try:
            return source.dataset(root, download=False, **which)
        except RuntimeError:
            pass  # it is not there, or not as it should be
        try:
            return source.dataset(root, download=True, **which)
        except _NETWORK as error:
            raise InputError(
                f"{name} is not in {root}, or not unchanged, and cannot be downloaded ({error}). "
                f"With a network it comes from {source.url}; without one, put {source.files} from "
                f"there into {root} (checksums are compared), or set data.root to the folder that "
                "torchvision keeps it in"
            ) from None
        except OSError as error:
            raise InputError(
                f"{name} is not in {root}, or not unchanged, and cannot be downloaded to there "
                f"({error.filename or root}: {error.strerror}); mend that, or set data.root to "
                "another folder"
            ) from None

    def load(root: Path, size: int | None) -> dict[str, LabelledImages]:
        kept = root / getattr(source.dataset, "base_folder", source.dataset.__name__)
        with _reading(name, root):
            # torchvision would take a folder that it may not look into for an empty one.
            for place in (root, kept, kept / "raw"):
                with suppress(FileNotFoundError):
                    os.stat(f"{place}/.")
            if (kept / "processed").exists():
                raise InputError(
                    f"{kept / 'processed'}: is what an old torchvision made of {name}, pickles "
                    "without checksums that would be read in place of the published files; move "
                    "it elsewhere"
                )
        parts = {}
        for part in PARTS:
            with _reading(name, root):
                # Two runs side by side would else write to the same files.
                with files.file_lock(os.path.realpath(root)):
                    dataset = open_part(root, part)
                images, labels = zip(*dataset, strict=True)
            expected = getattr(grid.DATASETS[name], part)
            if len(labels) != expected:
                raise InputError(
                    f"{root}: the files of {name} have {len(labels)} {part} images rather than "
                    f"{expected}; move them elsewhere to have the published ones downloaded"
                )
            pixels = np.stack([picture.resample(image, size) for image in images])
            classes = getattr(dataset, "classes", [str(digit) for digit in range(10)])
            parts[part] = LabelledImages(pixels, np.array(labels), list(classes))
        return parts

    return load


def _folder(root: Path, size: int | None) -> dict[str, LabelledImages]:
    """An image tree. The images are grey if all of them are, else RGB."""
    trees = folder.trees(root)
    images = {
        part: {path: picture.read(path, size) for paths in classes.values() for path in paths}
        for part, classes in trees.items()
    }
    first, *others = [each for part in PARTS for each in images[part].items()]
    height, width = first[1].shape[1:]
    for path, pixels in others:
        grid.check_same_size(path, pixels.shape[:0:-1], (width, height))
    channels = max(len(pixels) for part in PARTS for pixels in images[part].values())
    parts = {}
    for part, classes in trees.items():
        shape = (channels, height, width)
        stacked = np.stack([np.broadcast_to(each, shape) for each in images[part].values()])
        labels = [label for label, paths in enumerate(classes.values()) for _ in paths]
        parts[part] = LabelledImages(stacked, np.array(labels), list(classes))
    return parts


SOURCES: dict[str, Loader] = {
    "digits": _digits,
    "folder": _folder,
    **{name: _torchvision(name) for name in _DOWNLOADS},
}
