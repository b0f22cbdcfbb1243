"""Data sources to the image table: uint8 pixels, labels and class names."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image, UnidentifiedImageError
from sklearn.datasets import load_digits
from torchvision import datasets

from dropleak import tables
from dropleak.errors import InputError
from dropleak.grid import IMAGE_SUFFIXES, dataset_name
from dropleak.schemas import IMAGES

PARTS = ("train", "test")
MIN_SIZE = 8


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
    if min(height, width) < MIN_SIZE:
        raise InputError(
            f"the images of {source} are {width}x{height} pixels; the network and SSIM need at "
            f"least {MIN_SIZE}x{MIN_SIZE}. Set data.size to resample them"
        )
    training_std = _channel_std(parts["train"].pixels)
    return {
        name: tables.build(
            IMAGES,
            {
                "index": np.arange(len(part.labels)),
                "label": part.labels,
                "pixels": tables.encode_pixels(part.pixels),
            },
            dataset=dataset_name({"source": source, "root": root}),
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


def _resample(image: Image.Image, size: int | None) -> np.ndarray:
    """uint8 [C, H, W] of a grey or RGB image, resampled bicubically if a size is given."""
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _digits(root: Path, size: int | None) -> dict[str, LabelledImages]:
    """scikit-learn's 1,797 scans of 8x8 pixels and 17 grey levels; every fifth is a test image."""
    digits = load_digits()
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.stack([_resample(Image.fromarray(image), size or 32) for image in grey])
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


def _torchvision(name: str) -> Loader:
    """A data set of torchvision: taken from the root if it is there, else downloaded to it.

    torchvision unpickles CIFAR's files, and does so only after their checksums have matched.
    """
    source = _DOWNLOADS[name]

    def open_part(root: Path, part: str, download: bool) -> datasets.VisionDataset:
        which = {"split": part} if name == "svhn" else {"train": part == "train"}
        return source.dataset(root, download=download, **which)

    def load(root: Path, size: int | None) -> dict[str, LabelledImages]:
        parts = {}
        for part in PARTS:
            try:
                dataset = open_part(root, part, download=False)
            except RuntimeError:
                try:
                    dataset = open_part(root, part, download=True)
                except (RuntimeError, OSError) as error:
                    raise InputError(
                        f"{name} is not in {root} and cannot be downloaded ({error}). With a "
                        f"network it comes from {source.url}; without one, put "
                        f"{source.files} from there into {root} (unchanged: checksums are "
                        "compared), or set data.root to the folder that torchvision keeps it in"
                    ) from None
            images, labels = zip(*dataset, strict=True)
            pixels = np.stack([_resample(image, size) for image in images])
            classes = getattr(dataset, "classes", [str(digit) for digit in range(10)])
            parts[part] = LabelledImages(pixels, np.array(labels), list(classes))
        return parts

    return load


def _open(path: str) -> Image.Image:
    try:
        image = Image.open(path)
        image.load()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be read as an image ({error})") from None
    return image


def _folder(root: Path, size: int | None) -> dict[str, LabelledImages]:
    """An image tree `<root>/{train,test}/<class>/<image>`, as torchvision's ImageFolder has it.

    The images are grey if all of them are, else RGB.
    """
    trees = {}
    for part in PARTS:
        try:
            trees[part] = datasets.DatasetFolder(
                str(root / part), _open, extensions=IMAGE_SUFFIXES, allow_empty=True
            )
        except FileNotFoundError:
            raise InputError(
                f"{root / part}: holds no folders; one for each class is expected"
            ) from None
        if not trees[part].samples:
            raise InputError(f"{root / part}: holds no images ({', '.join(IMAGE_SUFFIXES)})")
    train, test = (set(trees[part].classes) for part in PARTS)
    if train != test:
        odd = ", ".join(sorted(train ^ test))
        raise InputError(f"{root}: train and test have different class folders ({odd})")

    images = {part: [image for image, _ in tree] for part, tree in trees.items()}
    grey = all(image.mode == "L" for part in PARTS for image in images[part])
    parts, expected = {}, None
    for part, tree in trees.items():
        pixels = []
        for image, (path, _) in zip(images[part], tree.samples, strict=True):
            pixels.append(_resample(image if grey else image.convert("RGB"), size))
            expected = expected or pixels[0].shape
            if pixels[-1].shape != expected:
                raise InputError(
                    f"{path}: is {image.width}x{image.height} pixels while others are "
                    f"{expected[2]}x{expected[1]}; set data.size to resample all to one size"
                )
        labels = np.array([label for _, label in tree.samples])
        parts[part] = LabelledImages(np.stack(pixels), labels, tree.classes)
    return parts


SOURCES: dict[str, Loader] = {
    "digits": _digits,
    "folder": _folder,
    **{name: _torchvision(name) for name in _DOWNLOADS},
}
