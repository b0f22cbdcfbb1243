"""The images of a configuration: what planning must know of them, and their tables."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from dropleak.data import folder, picture
from dropleak.data.datasets import DATASETS
from dropleak.data.sizes import check_same_size, check_size
from dropleak.errors import InputError, printable
from dropleak.tables import parquet
from dropleak.tables.schemas import IMAGES

SOURCES = [*DATASETS, "folder"]
"""What `data.source` can be."""


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


def check_headers(data: dict) -> list[str]:
    """Check the header of every image of a folder; returns sentences on files that are not used.

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


def image_tables(source: str, root: str, size: int | None) -> dict[str, pa.Table]:
    """The image tables of a data set's parts, "train" and "test".

    Args:
        source: a name in `SOURCES`.
        root: folder of the images or of the download; unused by `digits`.
        size: height and width to resample to; None keeps the images' own.

    Raises:
        InputError: the data cannot be read, downloaded or attacked.
    """
    dataset = DATASETS.get(source)
    parts = (dataset.load if dataset else folder.load)(Path(root), size)
    for name, part in parts.items():
        expected = getattr(dataset, name, len(part.labels))
        if len(part.labels) != expected:
            raise InputError(
                f"{root}: the files of {source} have {len(part.labels)} {name} images rather than "
                f"{expected}; move them elsewhere to have the published ones downloaded"
            )
    height, width = parts["test"].pixels.shape[2:]
    check_size(f"the images of {source}", width, height)
    training_std = _channel_std(parts["train"].pixels)
    return {
        name: parquet.build(
            IMAGES,
            {
                "index": np.arange(len(part.labels)),
                "label": part.labels,
                "pixels": parquet.encode_pixels(part.pixels),
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
