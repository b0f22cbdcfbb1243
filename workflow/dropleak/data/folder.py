"""An image tree `<root>/{train,test}/<class>/<image>`: its files, and loading them.

Layout and order are those of torchvision's ImageFolder.
"""

import os
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import numpy as np

from dropleak.data import picture
from dropleak.data.dataset import LabelledImages
from dropleak.data.picture import FORMATS
from dropleak.data.sizes import check_same_size
from dropleak.errors import InputError

PARTS = ("train", "test")

SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""Endings of image files, in upper or lower case."""

SYSTEM = (
    *("__MACOSX", "Icon\r", "Thumbs.db", "ehthumbs.db", "desktop.ini", "System Volume Information"),
    *("$RECYCLE.BIN", "lost+found", "@eaDir", "#recycle", "#snapshot", "__pycache__"),
)
"""Files and folders that operating systems create, besides those that start with a dot."""

_SYSTEM = {name.lower() for name in SYSTEM}


class Part(NamedTuple):
    """The files in the folder of a part."""

    classes: dict[str, list[Path]]
    """Images by class, both in their order."""

    others: list[Path]
    """Unused files: not images by their names, or images outside any class."""


def trees(root: str | Path) -> dict[str, dict[str, list[Path]]]:
    """The images of each part, by class.

    Raises:
        InputError: the tree cannot be used for training and attacks.
    """
    parts = {part: classes(root, part) for part in PARTS}
    train, test = (parts[part].keys() for part in PARTS)
    if train != test:
        raise InputError(
            f"{root}: train and test have different class folders: {_lacking('test', train - test)}"
            f"{_lacking('train', test - train)}folders in test may be empty"
        )
    if len(train) == 1:
        raise InputError(
            f"{root}: has only one class, whose gradients say nothing; at least two are needed"
        )
    for name, images in parts["train"].items():
        if not images:
            raise InputError(
                f"{Path(root, 'train', name)}: holds no images to learn this class from; add some "
                f"({', '.join(SUFFIXES)}) or remove the class from train and test"
            )
    return parts


def _lacking(part: str, names: set[str]) -> str:
    """The classes that a part lacks. Quoted, because names may differ in case or trailing space."""
    return f"{part} lacks {', '.join(map(repr, sorted(names)))}; " if names else ""


def files(root: str | Path, part: str) -> list[Path]:
    """The images of a part, in their order."""
    return [path for images in classes(root, part).values() for path in images]


def classes(root: str | Path, part: str) -> dict[str, list[Path]]:
    """The images of a part by class, at any depth, following links.

    Names of classes are in Unicode's composed form (NFC), whatever their form on disk.

    Raises:
        InputError: there are none, a folder cannot be read, or a link is broken or circular.
    """
    top = Path(root, part)
    images, others = _scan(top)
    if not images:
        raise InputError(f"{top}: holds no folders; one for each class is expected")
    if not any(images.values()):
        instead = f", but {_endings(others)}" if others else ""
        raise InputError(f"{top}: holds no images ({', '.join(SUFFIXES)}){instead}")
    return images


def unused(root: str | Path) -> list[str]:
    """Sentences about unused files in a valid tree, one per reason.

    Hidden files and those of operating systems are not mentioned.
    """
    loose: list[Path] = []
    foreign: list[Path] = []
    for part in PARTS:
        top = Path(root, part)
        for path in _scan(top).others:
            (loose if path.parent == top and _is_image(path.name) else foreign).append(path)
    sentences = []
    if loose:
        sentences.append(
            f"{root}: images in no folder of a class are not used: {len(loose)}, for example "
            f"{loose[0]}"
        )
    if foreign:
        sentences.append(
            f"{root}: files with other endings are not used: {_endings(foreign)}, for example "
            f"{foreign[0]}. Images end in {', '.join(SUFFIXES)}; save others in one of these "
            "formats"
        )
    return sentences


def _endings(paths: list[Path]) -> str:
    """The number of files per ending, the most frequent first."""
    kinds = Counter(path.suffix.lower() or "without an ending" for path in paths)
    counts = [f"{count} {kind}" for kind, count in kinds.most_common()]
    if len(counts) > _KINDS:
        counts[_KINDS:] = [f"{len(paths)} in all"]
    return ", ".join(counts)


_KINDS = 5
"""Endings that a message counts separately."""


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


@cache
def _scan(top: Path) -> Part:
    """The files below the folder of a part; see `classes`.

    Cached, because planning needs them many times.
    """
    try:
        folders: dict[str, Path] = {}
        others: list[Path] = []
        for entry in sorted(_visible(top), key=lambda entry: composed(entry.name)):
            if not entry.is_dir():
                others.append(Path(entry.path))
                continue
            name = composed(entry.name)
            if name in folders:
                raise InputError(
                    f"{top}: two folders have the same name in different forms of Unicode, "
                    f"{folders[name].name!a} and {entry.name!a}; move their images into "
                    "one"
                )
            folders[name] = Path(entry.path)
        images = {}
        for name, path in folders.items():
            images[name], rest = _walk(path)
            others += rest
    except (FileNotFoundError, NotADirectoryError) as error:
        if error.filename != str(top):
            raise InputError(f"{error.filename}: disappeared; was it removed just now?") from None
        missing = f"has no folder {top.name}" if top.parent.exists() else "does not exist"
        raise InputError(
            f"data.root: {top.parent} {missing}; the layout must be root/{{train,test}}/class/image"
        ) from None
    except OSError as error:
        raise InputError(f"{error.filename or top}: {error.strerror}") from None
    return Part(images, others)


def _walk(top: Path) -> tuple[list[Path], list[Path]]:
    """Images and other files of a class."""
    images, others = [], []
    waiting: list[tuple[Path, frozenset]] = [(top, frozenset())]
    while waiting:
        folder, above = waiting.pop()
        status = folder.stat()
        this = (status.st_dev, status.st_ino)
        if this in above:
            raise InputError(f"{folder}: is a link to a folder that contains it; remove it")
        for entry in _visible(folder):
            path = Path(entry.path)
            if entry.is_dir():
                waiting.append((path, above | {this}))
            elif not _is_image(entry.name):
                others.append(path)
            elif entry.is_file():
                images.append(path)
            else:
                raise InputError(f"{path}: is not a regular file, or is a broken link; remove it")
    return sorted(images, key=_order), sorted(others, key=_order)


def _visible(folder: Path) -> Iterator[os.DirEntry]:
    """The entries of a folder, except hidden ones and those of operating systems."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM:
                yield entry


def _order(path: Path) -> tuple[str, str, str]:
    return composed(str(path.parent)), composed(path.name), path.name


def composed(name: str) -> str:
    """A file's name in Unicode's composed form, decoded as UTF-8 in every locale."""
    return normalize("NFC", os.fsencode(name).decode("utf-8", "surrogateescape"))


def load(root: Path, size: int | None) -> dict[str, LabelledImages]:
    """The images of a tree: grey if all of them are, else RGB.

    Args:
        root: folder of the tree.
        size: height and width to resample to; None keeps the images' own.

    Raises:
        InputError: an image cannot be read, or the images differ in size.
    """
    parts = trees(root)
    images = {
        part: {path: picture.read(path, size) for paths in classes.values() for path in paths}
        for part, classes in parts.items()
    }
    first, *others = [item for part in PARTS for item in images[part].items()]
    height, width = first[1].shape[1:]
    for path, pixels in others:
        check_same_size(path, pixels.shape[:0:-1], (width, height))
    channels = max(len(pixels) for part in PARTS for pixels in images[part].values())
    loaded = {}
    for part, classes in parts.items():
        shape = (channels, height, width)
        stacked = np.stack([np.broadcast_to(pixels, shape) for pixels in images[part].values()])
        labels = [label for label, paths in enumerate(classes.values()) for _ in paths]
        loaded[part] = LabelledImages(stacked, np.array(labels), list(classes))
    return loaded
