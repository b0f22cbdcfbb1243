"""Files that appear whole or not at all, and locks."""

import fcntl
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dropleak.engine.folders import put, temporary
from dropleak.errors import InputError

_PARTIAL = ".partial-"
_SAFETENSORS = ".tmp"  # of the files that it writes to before it replaces those it is asked for


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to, which replaces `path` if no error occurs.

    It is beside `path` and has the same ending.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Random, because processes on several machines may write to a shared folder.
    partial = path.with_name(f"{_PARTIAL}{secrets.token_hex(4)}-{path.name}")
    try:
        yield partial
        put(partial, path)
    except OSError as error:
        if error.errno and not error.filename:
            error.filename = str(path)  # pyarrow does not name it
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove_partial_files(folder: str | Path) -> None:
    """Remove partial files of killed jobs below a folder that no job writes to."""
    for beginning in (_PARTIAL, _SAFETENSORS):
        for partial in Path(folder).rglob(f"{beginning}*"):
            partial.unlink(missing_ok=True)


def lock(name: str, *, wait: bool) -> IO | None:
    """Take a lock that only one process of this user on this machine can hold at a time.

    Args:
        name: of the lock.
        wait: for another process to release it.

    Returns:
        a file that holds the lock until it is closed or the process ends; None if another process
        holds the lock.

    Raises:
        InputError: there is no folder for locks.
    """
    hint = "set TMPDIR to a folder of your own on a local disk"
    try:
        path = temporary() / f"{name}.lock"
        held = open(path, "w", encoding="utf-8")  # noqa: SIM115
    except InputError as error:
        raise InputError(f"{error}; {hint}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); {hint}") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        held.close()
        return None
    except OSError as error:
        held.close()
        raise InputError(f"{path}: cannot be locked ({error.strerror}); {hint}") from None
    return held


@contextmanager
def file_lock(key: str) -> Iterator[None]:
    """Let one process of this user on this machine at a time run the block for the same key.

    Raises:
        InputError: there is no folder for locks.
    """
    name = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:16]
    held = lock(name, wait=True)
    assert held  # because it waits
    with held:
        yield
