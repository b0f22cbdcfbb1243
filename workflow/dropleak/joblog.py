"""A job's log file: everything printed, errors in words, progress in lines."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from tqdm import tqdm

from dropleak import slurm
from dropleak.errors import InputError, StoppedError


@contextmanager
def job_log(path: str) -> Iterator[None]:
    """Send output to the log, and leave with status 1 and a message there if something fails.

    What the user can mend is reported without a traceback.
    """
    with open(path, "w", buffering=1) as log, redirect_stdout(log), redirect_stderr(log):
        if place := slurm.this_job():
            print(place)
        try:
            yield
        except InputError as error:
            print(f"error: {error}")
            sys.exit(1)
        except StoppedError as error:
            print(error)
            sys.exit(1)
        except Exception:
            traceback.print_exc()
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
