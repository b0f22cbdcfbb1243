"""Slurm's jobs: which one this is, and which ones an earlier run left behind."""

import os
import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

from dropleak.errors import InputError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def this_job() -> str | None:
    """Which job of Slurm this process is in, where, and what it was given; None outside Slurm."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    node = os.environ.get("SLURMD_NODENAME", "an unnamed node")
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "none")
    return f"Slurm job {job} on {node}, GPU {gpus}"


def refuse_left_behind(digests: Collection[str]) -> None:
    """Stop if Slurm still has jobs of an earlier run from this folder, which make the same results.

    A run that was killed leaves its jobs in Slurm. Waiting for them costs less than doing their
    work twice.

    Args:
        digests: of the settings that results depend on. They are wildcards of the jobs, which the
            executor writes into their comments.

    Raises:
        InputError: naming the jobs.
    """
    left = [
        job
        for job, comment, folder in _submitted()
        if os.path.realpath(folder) == os.getcwd() and any(digest in comment for digest in digests)
    ]
    if left:
        raise InputError(
            f"jobs of an earlier run are still in Slurm: {' '.join(left)}. When squeue no longer "
            "lists them, start again, and their results are used. To give them up first: "
            f"scancel {' '.join(left)}"
        )


def reasons(folder: str | Path, since: float) -> list[str]:
    """Why Slurm ended jobs whose output is missing now.

    Args:
        folder: of the logs that Slurm writes.
        since: only logs that were written to at or after this time, in seconds since the epoch.

    Returns:
        a line for each log with a reason: the missing file, why, and the log.
    """
    found = []
    for log in sorted(Path(folder).rglob("*.log")):
        if log.stat().st_mtime < since:
            continue
        text = log.read_text(encoding="utf-8", errors="replace")
        output = re.search(r"^ +output: (\S+)", text, flags=re.MULTILINE)
        reason = re.search(r"^slurmstepd.*(Exceeded.*|Detected.*oom.*|DUE TO.*?)[ *]*$", text, re.M)
        if output and reason and not Path(output[1]).exists():
            found.append(f"{output[1]}: {reason[1]} ({log})")
    return found


def _submitted() -> Iterator[tuple[str, str, str]]:
    """Jobs of this user that Snakemake submitted and that have not ended: id, comment, folder.

    The executor names them by a UUID, perhaps with a prefix. Others are the user's own: a session
    or a script in which Snakemake ran without the executor.
    """
    command = ["squeue", "--me", "--noheader", "--format", "%i\t%j\t%k\t%Z"]
    try:
        listed = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="surrogateescape", check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return  # no Slurm here
    for line in listed.splitlines():
        job, name, comment, folder = line.split("\t", 3)
        if _UUID.search(name):
            yield job, comment, folder
