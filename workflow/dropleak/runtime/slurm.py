"""Slurm jobs: the one of this process, those of an earlier run, and why jobs ended."""

import os
import re
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

from dropleak.errors import InputError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def this_job() -> str | None:
    """The Slurm job of this process with its node and GPUs, in words; None outside Slurm."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    node = os.environ.get("SLURMD_NODENAME", "an unnamed node")
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "none")
    return f"Slurm job {job} on {node}, GPU {gpus}"


def refuse_left_behind(digests: Collection[str]) -> None:
    """Stop if Slurm still has jobs of an earlier run in this folder that make the same results.

    A killed run leaves its jobs in Slurm. Waiting for them costs less than doing their work twice.

    Args:
        digests: of the settings that results depend on. They are wildcards, which the executor
            writes into the comments of jobs.

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
            f"jobs of an earlier run are still in Slurm: {' '.join(left)}. Start again when squeue "
            "no longer lists them; their results will be used. To give them up: "
            f"scancel {' '.join(left)}"
        )


def reasons(folder: str | Path, since: float) -> list[str]:
    """Why Slurm ended jobs whose output is missing.

    Args:
        folder: of Slurm's logs.
        since: consider only logs changed at or after this time, in seconds since the epoch.

    Returns:
        a line for each log with a reason: the first missing file, the reason, and the log.
    """
    lines = []
    for log in sorted(Path(folder).rglob("*.log")):
        if log.stat().st_mtime < since:
            continue
        text = log.read_text(encoding="utf-8", errors="replace")
        output = re.search(r"^ +output: (\S+?),?( |$)", text, flags=re.MULTILINE)
        reason = re.search(r"^slurmstepd.*(Exceeded.*|Detected.*oom.*|DUE TO.*?)[ *]*$", text, re.M)
        if output and reason and not Path(output[1]).exists():
            lines.append(f"{output[1]}: {reason[1]} ({log})")
    return lines


def _submitted() -> Iterator[tuple[str, str, str]]:
    """This user's unfinished jobs that Snakemake submitted: id, comment, folder.

    The executor names them by a UUID, perhaps with a prefix. Jobs with other names are the user's
    own: a session or a script in which Snakemake runs without the executor.
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
