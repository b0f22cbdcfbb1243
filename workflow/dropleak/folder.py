"""An image tree `<root>/{train,test}/<class>/<image>`: its files, without a look into them.

As torchvision's ImageFolder has it, and in its order. Needs no torch, so that planning is quick.
"""

import os
from pathlib import Path

from dropleak.errors import InputError

PARTS = ("train", "test")

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""The endings that torchvision's ImageFolder takes for images."""


def trees(root: str | Path) -> dict[str, dict[str, list[Path]]]:
    """The images of each part, by class.

    Raises:
        InputError: they are not an image tree that can be trained with and attacked.
    """
    found = {part: classes(root, part) for part in PARTS}
    train, test = (found[part].keys() for part in PARTS)
    if train != test:
        odd = ", ".join(sorted(train ^ test))
        raise InputError(
            f"{root}: train and test have different class folders ({odd}); those of test may be "
            "empty"
        )
    if len(train) == 1:
        raise InputError(
            f"{root}: has one class only, of which no gradient says anything; two are needed"
        )
    for name, images in found["train"].items():
        if not images:
            raise InputError(
                f"{Path(root, 'train', name)}: holds no images to learn this class from; add some "
                "or remove the class from train and test"
            )
    return found


def files(root: str | Path, part: str) -> list[Path]:
    """The images of a part, in their order."""
    return [path for images in classes(root, part).values() for path in images]


def classes(root: str | Path, part: str) -> dict[str, list[Path]]:
    """The images of a part by class, at any depth, also where links lead elsewhere.

    Raises:
        InputError: there are none, a folder cannot be read, or a link leads nowhere or in a circle.
    """
    top = Path(root, part)
    if not os.path.isdir(top):
        raise InputError(
            f"data.root: {root} has no folder {part}; expected is root/{{train,test}}/class/image"
        )
    try:
        with os.scandir(top) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
        found = {name: _below(top / name) for name in names}
    except OSError as error:
        raise InputError(f"{error.filename or top}: {error.strerror}") from None
    if not found:
        raise InputError(f"{top}: holds no folders; one for each class is expected")
    if not any(found.values()):
        raise InputError(f"{top}: holds no images ({', '.join(SUFFIXES)})")
    return found


def _below(top: Path) -> list[Path]:
    found, waiting = [], [(top, frozenset())]
    while waiting:
        folder, above = waiting.pop()
        status = folder.stat()
        this = (status.st_dev, status.st_ino)
        if this in above:
            raise InputError(f"{folder}: is a link to a folder that it lies in; remove it")
        with os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_dir():
                    waiting.append((path, above | {this}))
                elif entry.name.lower().endswith(SUFFIXES):
                    if not entry.is_file():
                        raise InputError(
                            f"{path}: is no file, or a link that leads nowhere; remove it"
                        )
                    found.append(path)
    return sorted(found, key=lambda path: (str(path.parent), path.name))
