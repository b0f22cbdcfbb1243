"""This user's private folders on this machine, and atomic replacement of files."""

import os
import tempfile
from pathlib import Path

from dropleak.errors import InputError


def put(complete: Path, target: Path) -> None:
    """Replace a file by a complete one, atomically."""
    with open(complete, "rb") as written:
        os.fsync(written.fileno())  # or a crash of the machine could leave an empty file
    os.replace(complete, target)


def private(folder: Path) -> Path:
    """Make a folder that only this user can write to, unless it exists.

    Raises:
        InputError: it cannot be made, or others may write to it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from None
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise InputError(f"{folder}: belongs to somebody else, or others may write to it")
    return folder


def temporary() -> Path:
    """This user's folder for temporary files.

    Raises:
        InputError: see `private`.
    """
    try:
        parent = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise InputError(str(error.strerror)) from None
    return private(Path(parent, f"dropleak-{os.geteuid()}"))


def user_cache() -> Path:
    """This user's cache folder.

    Raises:
        InputError: see `private`, or its path is relative.
    """
    parent = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(parent):  # for example, without a home
        raise InputError(f"{parent}: is not an absolute path of a cache folder")
    return private(Path(parent, "dropleak"))
