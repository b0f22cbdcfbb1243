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

_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EROFS: "mount it so that it can be written to",
    errno.EACCES: "make sure that you may read and write there",
    errno.EPERM: "make sure that you may read and write there",
    errno.EISDIR: "remove this folder, which is in the place of a file,",
}
"""Advice about errors of the file system."""


@contextmanager
def job_log(path: str) -> Iterator[None]:
    """Send output to the log; if something fails, end with status 1 and a message in the log.

    Errors that the user can fix are reported without a traceback.
    """
    try:
        with _opened(path, "w") as log, redirect_stdout(log), redirect_stderr(log):
            if job := slurm.this_job():
                print(job)
            yield
    except InputError as error:
        _fail(path, f"error: {error}")
    except StoppedError as error:
        _fail(path, str(error))
    except KeyboardInterrupt:
        _fail(path, "interrupted")
    except OSError as error:
        if error.errno not in _ADVICE:
            _fail(path, traceback.format_exc())
        reason = f"{error.filename2 or error.filename or path}: {os.strerror(error.errno)}"
        advice = _ADVICE[error.errno]
        _fail(path, f"error: {reason}; {advice} and run again, which keeps what is finished")
    except Exception:
        _fail(path, traceback.format_exc())


def _opened(path: str, mode: Literal["w", "a"]) -> TextIO:
    """The log, which accepts file names that are not valid text."""
    return open(path, mode, buffering=1, encoding="utf-8", errors="backslashreplace")


def _fail(path: str, message: str) -> NoReturn:
    """End with a message in the log, or on stderr if the log cannot be written."""
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
    """A progress bar that prints lines: units done, rate, time left; at most every ten seconds."""
    return tqdm(
        total=total,
        file=_Lines(),
        mininterval=10,
        bar_format="{n_fmt}/{total_fmt}{unit}, {rate_fmt}, {elapsed} elapsed, {remaining} left",
        unit=f" {unit}",
    )
