"""The log of a job that fails."""

import errno
import os

import pytest

from dropleak.errors import InputError, StoppedError
from dropleak.runtime.files import write_text
from dropleak.runtime.logging import job_log


def failing(path, error):
    def job():
        print("at work")
        raise error

    with pytest.raises(SystemExit) as ended, job_log(str(path)):
        job()
    assert ended.value.code == 1
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("a.png: cannot be read"), "error: a.png: cannot be read\n"),
        (StoppedError("told to stop after 20 iterations"), "told to stop after 20 iterations\n"),
        (KeyboardInterrupt(), "interrupted\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "results/a.parquet"),
            "error: results/a.parquet: No space left on device; free some space and run again, "
            "which keeps what is finished\n",
        ),
    ],
)
def test_errors_that_a_user_can_fix_have_no_traceback(tmp_path, error, message):
    assert failing(tmp_path / "job.log", error) == "at work\n" + message


@pytest.mark.parametrize("error", [KeyError("a"), OSError(errno.ENOENT, "No such file", "a")])
def test_bugs_have_a_traceback(tmp_path, error):
    log = failing(tmp_path / "job.log", error)
    assert "Traceback" in log
    assert type(error).__name__ in log or "FileNotFoundError" in log


def test_a_log_that_cannot_be_written_is_reported_on_stderr(tmp_path, capsys):
    (tmp_path / "job.log").mkdir()
    with pytest.raises(SystemExit), job_log(str(tmp_path / "job.log")):
        pass
    assert "job.log" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"a\.txt"):
        write_text(tmp_path / "a.txt", "text")
    assert list(tmp_path.iterdir()) == []
