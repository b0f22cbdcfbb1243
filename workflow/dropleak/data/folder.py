"""An image tree `<root>/{train,test}/<class>/<image>`: its files, and loading them.

As torchvision's ImageFolder has it, and in its order.
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
"""Endings of the names of images, whatever their case."""

SYSTEM = (
    *("__MACOSX", "Icon\r", "Thumbs.db", "ehthumbs.db", "desktop.ini", "System Volume Information"),
    *("$RECYCLE.BIN", "lost+found", "@eaDir", "#recycle", "#snapshot", "__pycache__"),
)
"""Files and folders that systems put beside a user's, besides those with a dot in front."""

_SYSTEM = {name.lower() for name in SYSTEM}


class Part(NamedTuple):
    """What lies in the folder of a part."""

    classes: dict[str, list[Path]]
    """Images by class, both in their order."""

    others: list[Path]
    """Files that are not used: no images going by their names, or images outside any class."""


def trees(root: str | Path) -> dict[str, dict[str, list[Path]]]:
    """The images of each part, by class.

    Raises:
        InputError: they are not an image tree that can be trained with and attacked.
    """
    found = {part: classes(root, part) for part in PARTS}
    train, test = (found[part].keys() for part in PARTS)
    if train != test:
        raise InputError(
            f"{root}: train and test have different class folders: {_lacking('test', train - test)}"
            f"{_lacking('train', test - train)}folders in test may be empty"
        )
    if len(train) == 1:
        raise InputError(
            f"{root}: has one class only, of which no gradient says anything; two are needed"
        )
    for name, images in found["train"].items():
        if not images:
            raise InputError(
                f"{Path(root, 'train', name)}: holds no images to learn this class from; add some "
                f"({', '.join(SUFFIXES)}) or remove the class from train and test"
            )
    return found


def _lacking(part: str, names: set[str]) -> str:
    """What a part lacks, in quotes: names may differ in their case, or in a space at the end."""
    return f"{part} lacks {', '.join(map(repr, sorted(names)))}; " if names else ""


def files(root: str | Path, part: str) -> list[Path]:
    """The images of a part, in their order."""
    return [path for images in classes(root, part).values() for path in images]


def classes(root: str | Path, part: str) -> dict[str, list[Path]]:
    """The images of a part by class, at any depth, also where links lead elsewhere.

    Names of classes are in Unicode's composed form (NFC), whatever they are on the disk.

    Raises:
        InputError: there are none, a folder cannot be read, or a link leads nowhere or in a circle.
    """
    top = Path(root, part)
    found, others = _scan(top)
    if not found:
        raise InputError(f"{top}: holds no folders; one for each class is expected")
    if not any(found.values()):
        instead = f", but {_endings(others)}" if others else ""
        raise InputError(f"{top}: holds no images ({', '.join(SUFFIXES)}){instead}")
    return found


def unused(root: str | Path) -> list[str]:
    """What is not used of a tree that can be, in a sentence for each reason.

    Hidden files and those of systems are not worth one.
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
    """How many files have which ending, the most frequent first."""
    kinds = Counter(path.suffix.lower() or "without an ending" for path in paths)
    counts = [f"{count} {kind}" for kind, count in kinds.most_common()]
    if len(counts) > _KINDS:
        counts[_KINDS:] = [f"{len(paths)} in all"]
    return ", ".join(counts)


_KINDS = 5
"""Endings that are counted in a message."""


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


@cache
def _scan(top: Path) -> Part:
    """What lies below the folder of a part; see `classes`.

    A process looks once: planning asks for it again and again.
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
        found = {}
        for name, path in folders.items():
            found[name], more = _below(path)
            others += more
    except (FileNotFoundError, NotADirectoryError) as error:
        if error.filename != str(top):
            raise InputError(f"{error.filename}: is gone; was it removed just now?") from None
        missing = f"has no folder {top.name}" if top.parent.exists() else "is not there"
        raise InputError(
            f"data.root: {top.parent} {missing}; expected is root/{{train,test}}/class/image"
        ) from None
    except OSError as error:
        raise InputError(f"{error.filename or top}: {error.strerror}") from None
    return Part(found, others)


def _below(top: Path) -> tuple[list[Path], list[Path]]:
    """Images and other files of a class."""
    images, others = [], []
    waiting: list[tuple[Path, frozenset]] = [(top, frozenset())]
    while waiting:
        folder, above = waiting.pop()
        status = folder.stat()
        this = (status.st_dev, status.st_ino)
        if this in above:
            raise InputError(f"{folder}: is a link to a folder that it lies in; remove it")
        for entry in _visible(folder):
            path = Path(entry.path)
            if entry.is_dir():
                waiting.append((path, above | {this}))
            elif not _is_image(entry.name):
                others.append(path)
            elif entry.is_file():
                images.append(path)
            else:
                raise InputError(f"{path}: is no file, or a link that leads nowhere; remove it")
    return sorted(images, key=_order), sorted(others, key=_order)


def _visible(folder: Path) -> Iterator[os.DirEntry]:
    """What lies in a folder, but for what is hidden or belongs to a system."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM:
                yield entry


def _order(path: Path) -> tuple[str, str, str]:
    return composed(str(path.parent)), composed(path.name), path.name


def composed(name: str) -> str:
    """The name of a file in one of the forms that Unicode has for the same text.

    Read as UTF-8, whatever Python makes of its bytes in the machine's locale.
    """
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
    first, *others = [each for part in PARTS for each in images[part].items()]
    height, width = first[1].shape[1:]
    for path, pixels in others:
        check_same_size(path, pixels.shape[:0:-1], (width, height))
    channels = max(len(pixels) for part in PARTS for pixels in images[part].values())
    loaded = {}
    for part, classes in parts.items():
        shape = (channels, height, width)
        stacked = np.stack([np.broadcast_to(each, shape) for each in images[part].values()])
        labels = [label for label, paths in enumerate(classes.values()) for _ in paths]
        loaded[part] = LabelledImages(stacked, np.array(labels), list(classes))
    return loaded
