"""Write the photographs of our experiments, a part of CIFAR-10, as a folder of images.

    python -m dropleak.data.cifar10_subset FOLDER [--root resources]

They are the first 932 images of each training batch and the first 846 of the test batch, each as
`{train,test}/<class>/<its index in CIFAR-10>.png`. torchvision downloads CIFAR-10 to the root
unless it is there. The pixels are compared with a checksum, and the folder appears whole.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from PIL import Image

from dropleak.data.dataset import LabelledImages
from dropleak.data.datasets import DATASETS
from dropleak.errors import InputError
from dropleak.tables import parquet

_BATCH = 10_000
_FIRST = {"train": 932, "test": 846}
"""Images that are taken of each batch, by part."""

TEST_PIXELS = "cf09542b45e2397cb72d0a772bda27e3d36e5ca4a7cdb86e83bcf70ae6fff877"
"""SHA-256 of the pixels of the test part, sorted by image."""

CHECKSUM = "f97595d27ee0de20351c8951afe750780c60743887d66e368ee67dee2906fe5b"
"""See `checksum`."""


def chosen(part: str, count: int) -> np.ndarray:
    """Indices of the photographs among all `count` images of a part."""
    indices = np.arange(count)
    return indices[indices % _BATCH < _FIRST[part]]


def subset(cifar10: Mapping[str, LabelledImages]) -> dict[str, LabelledImages]:
    """The photographs out of both parts of CIFAR-10."""
    taken = {}
    for part, images in cifar10.items():
        indices = chosen(part, len(images.labels))
        taken[part] = replace(images, pixels=images.pixels[indices], labels=images.labels[indices])
    return taken


def checksum(photographs: Mapping[str, LabelledImages]) -> str:
    """SHA-256 of pixels and labels, training part first, in the order of CIFAR-10."""
    digest = hashlib.sha256()
    for part in _FIRST:
        digest.update(photographs[part].pixels.astype(np.uint8).tobytes())
        digest.update(photographs[part].labels.astype(np.uint8).tobytes())
    return digest.hexdigest()


def is_test_part(images: pa.Table) -> bool:
    """Whether an image table has the photographs of the test part, in whatever order."""
    if parquet.metadata(images)["shape"] != [3, 32, 32] or len(images) != _FIRST["test"]:
        return False
    pixels = sorted(images["pixels"].to_pylist())
    return hashlib.sha256(b"".join(pixels)).hexdigest() == TEST_PIXELS


def write(cifar10: Mapping[str, LabelledImages], folder: Path) -> None:
    """Write the photographs as an image tree; the folder appears whole or not at all.

    Args:
        cifar10: both parts.
        folder: that does not exist yet.

    Raises:
        InputError: they are not the published ones, or the folder exists.
    """
    if folder.exists():
        raise InputError(f"{folder}: exists already; name another folder")
    photographs = subset(cifar10)
    if checksum(photographs) != CHECKSUM:
        raise InputError("the pixels are not those of the published CIFAR-10; nothing was written")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as temporary:
        tree = Path(temporary, "tree")
        for part, images in photographs.items():
            classes = [tree / part / name for name in images.classes]
            for path in classes:
                path.mkdir(parents=True)
            indices = chosen(part, len(cifar10[part].labels))
            for pixels, label, index in zip(images.pixels, images.labels, indices, strict=True):
                image = Image.fromarray(pixels.transpose(1, 2, 0))
                image.save(classes[label] / f"{index:05}.png")
        os.rename(tree, folder)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        prog="python -m dropleak.data.cifar10_subset",
        description="Write the part of CIFAR-10 that our experiments use as a folder of images.",
    )
    parser.add_argument("folder", type=Path, help="to write, as in an experiment's data.root")
    parser.add_argument(
        "--root", type=Path, default=Path("resources"), help="of CIFAR-10 (default: %(default)s)"
    )
    arguments = parser.parse_args()
    try:
        write(DATASETS["cifar10"].load(arguments.root, None), arguments.folder)
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename}: {error.strerror}")
    print(f"{arguments.folder}: written, with the checksum of our experiments")


if __name__ == "__main__":
    main()
