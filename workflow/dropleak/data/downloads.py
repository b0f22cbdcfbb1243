"""Data sets that torchvision downloads."""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from typing import Any
from urllib.error import URLError

import numpy as np

from dropleak.data import picture
from dropleak.data.dataset import LabelledImages
from dropleak.data.folder import PARTS
from dropleak.errors import InputError
from dropleak.runtime import files

_DAMAGE = (AssertionError, EOFError, LookupError, RuntimeError, ValueError)
"""What torchvision raises, by its asserts or beyond the end, for content that it cannot decode."""

_NETWORK = (RuntimeError, HTTPException, URLError, ConnectionError, TimeoutError, SSLError)
"""What it raises when a download fails, also for one with another checksum."""


@contextmanager
def _reading(name: str, root: Path) -> Iterator[None]:
    """Turn what keeps a data set from being read into a message: its location, or its content."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{error.filename or root}: cannot be read ({error.strerror or error}); fix that, or "
            "set data.root to a copy that can be read"
        ) from None
    except _DAMAGE as error:
        raise InputError(
            f"{root}: the files of {name} are damaged ({type(error).__name__}: {error}); remove "
            "them to download them again"
        ) from None


@dataclass(frozen=True)
class Download:
    """Loads a data set of torchvision from the root, and downloads it to there first if needed.

    torchvision unpickles CIFAR's files, and does so only after their checksums have matched.
    """

    name: str
    """Its class in `torchvision.datasets`."""
    url: str
    """Where a user without a network on this machine gets it."""
    files: str
    """What to put into the root then, with braces as a shell expands them."""

    def __call__(self, root: Path, size: int | None) -> dict[str, LabelledImages]:
        from torchvision import datasets  # late: planning imports this module

        dataset = getattr(datasets, self.name)
        folder = root / getattr(dataset, "base_folder", self.name)
        with _reading(self.name, root):
            # torchvision takes a folder that it may not read for an empty one.
            for path in (root, folder, folder / "raw"):
                with suppress(FileNotFoundError):
                    os.stat(f"{path}/.")
            if (folder / "processed").exists():
                raise InputError(
                    f"{folder / 'processed'}: was made by an old torchvision from {self.name}: "
                    "pickles without checksums, which would be read instead of the published "
                    "files; move it elsewhere"
                )
        return {part: self._load(dataset, root, part, size) for part in PARTS}

    def _load(self, dataset: type, root: Path, part: str, size: int | None) -> LabelledImages:
        with _reading(self.name, root):
            # Otherwise two runs at a time would write to the same files.
            with files.file_lock(os.path.realpath(root)):
                opened = self._open(dataset, root, part)
            images, labels = zip(*opened, strict=True)
        pixels = np.stack([picture.resample(image, size) for image in images])
        classes = getattr(opened, "classes", [str(digit) for digit in range(10)])
        return LabelledImages(pixels, np.array(labels), list(classes))

    def _open(self, dataset: type, root: Path, part: str) -> Any:
        splits = "split" in inspect.signature(dataset).parameters
        which = {"split": part} if splits else {"train": part == "train"}
        try:
            return dataset(root, download=False, **which)
        except RuntimeError:
            pass  # it is missing, or its checksum is wrong
        try:
            return dataset(root, download=True, **which)
        except _NETWORK as error:
            raise InputError(
                f"{self.name} is not in {root}, or was changed, and cannot be downloaded "
                f"({error}). With a network it comes from {self.url}; without one, put "
                f"{self.files} from there into {root} (checksums are compared), or set data.root "
                "to the folder that torchvision keeps it in"
            ) from None
        except OSError as error:
            raise InputError(
                f"{self.name} is not in {root}, or was changed, and cannot be downloaded to "
                f"there ({error.filename or root}: {error.strerror}); fix that, or set data.root "
                "to another folder"
            ) from None
