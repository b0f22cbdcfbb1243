"""A job's log file: everything printed, errors in words, progress in lines."""

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Literal, NoReturn, TextIO

from tqdm import tqdm

from dropleak.errors import InputError, StoppedError
from dropleak.runtime import slurm

_MENDABLE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EROFS: "mount it so that it can be written to",
    errno.EACCES: "see to it that you may read and write there",
    errno.EPERM: "see to it that you may read and write there",
    errno.EISDIR: "remove this folder, which is where a file should be,",
}
"""What to do about errors of the file system."""


@contextmanager
def job_log(path: str) -> Iterator[None]:
    """Send output to the log, and leave with status 1 and a message there if something fails.

    What the user can mend is reported without a traceback.
    """
    try:
        with _opened(path, "w") as log, redirect_stdout(log), redirect_stderr(log):
            if place := slurm.this_job():
                print(place)
            yield
    except InputError as error:
        _fail(path, f"error: {error}")
    except StoppedError as error:
        _fail(path, str(error))
    except KeyboardInterrupt:
        _fail(path, "interrupted")
    except OSError as error:
        if error.errno not in _MENDABLE:
            _fail(path, traceback.format_exc())
        reason = f"{error.filename2 or error.filename or path}: {os.strerror(error.errno)}"
        what = _MENDABLE[error.errno]
        _fail(path, f"error: {reason}; {what} and run again, which goes on from what is finished")
    except Exception:
        _fail(path, traceback.format_exc())


def _opened(path: str, mode: Literal["w", "a"]) -> TextIO:
    """The log, in which also names of files can be written that are not text."""
    return open(path, mode, buffering=1, encoding="utf-8", errors="backslashreplace")


def _fail(path: str, message: str) -> NoReturn:
    """End with a message in the log, or, if that cannot be written, where the user sees it."""
    try:
        with _opened(path, "a") as log:
            print(message, file=log)
    except OSError:
        print(message, file=sys.stderr)
    sys.exit(1)


class _Lines:
    """A stream that starts a new line where tqdm would return to the start of the old one."""

    def write(self, text: str) -> None:
        stripped = text.strip("\r\n ")
        if stripped:
            print(stripped, file=sys.stderr)

    def flush(self) -> None:
        sys.stderr.flush()


def progress(total: int, unit: str) -> tqdm:
    """A progress bar as lines: units done, rate, time left; at most one every ten seconds."""
    return tqdm(
        total=total,
        file=_Lines(),
        mininterval=10,
        bar_format="{n_fmt}/{total_fmt}{unit}, {rate_fmt}, {elapsed} elapsed, {remaining} left",
        unit=f" {unit}",
    )
