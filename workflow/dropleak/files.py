"""Files that appear whole or not at all, and a folder of our own."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PARTIAL = ".partial-"


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A path to write to instead of `path`, which takes its place when all went well.

    It lies beside `path` and has the same ending.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{_PARTIAL}{os.getpid()}-{path.name}")
    try:
        yield partial
        with open(partial, "rb") as written:
            os.fsync(written.fileno())  # or a crash of the machine could leave an empty file
        os.replace(partial, path)
    except OSError as error:
        if error.errno and not error.filename:
            error.filename = str(path)  # of which pyarrow says nothing
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file so that it appears whole or not at all."""
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def sweep(folder: str | Path) -> None:
    """Remove what jobs that were killed left half written below a folder that no job writes to."""
    for partial in Path(folder).rglob(f"{_PARTIAL}*"):
        partial.unlink(missing_ok=True)


def private_folder() -> Path:
    """A folder on this machine, made when first needed, that only this user can write to.

    Raises:
        PermissionError: somebody else made it, or may write to it.
    """
    folder = Path(tempfile.gettempdir(), f"dropleak-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o022:
        raise PermissionError(f"others may write to {folder}")
    return folder


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Wait until no other process of this user on this machine is here for the same thing.

    The system releases the lock when the process ends, however it ends.
    """
    name = hashlib.sha256(what.encode(errors="surrogateescape")).hexdigest()[:16]
    with open(private_folder() / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
