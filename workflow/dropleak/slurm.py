"""Slurm's jobs: which one this is, and which ones an earlier run left behind."""

import base64
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path

from dropleak.errors import InputError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def this_job() -> str | None:
    """Which job of Slurm this process is in, where, and what it was given; None outside Slurm."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    if "SLURM_ARRAY_TASK_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    node = os.environ.get("SLURMD_NODENAME", "an unnamed node")
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "none")
    return f"Slurm job {job} on {node}, GPU {gpus}"


def become_own_array_task() -> None:
    """In a task of a job array other than the first: become the command of that task.

    The executor (snakemake-executor-plugin-slurm-jobstep 0.6.1) starts every task of an array as
    Snakemake on the first task's job, which then runs the task's own command beside it. When that
    has ended, it looks for the first job's files: it fails if they are not there within
    latency-wait, and deletes them if the own command failed. A process that has become the own
    command does neither.
    """
    option = "--slurm-jobstep-array-execs="
    payload = next((word for word in sys.argv if word.startswith(option)), None)
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    if payload is None or task == os.environ.get("SLURM_ARRAY_TASK_MIN"):
        return
    commands = json.loads(base64.b64decode(payload.removeprefix(option)))
    command = zlib.decompress(bytes.fromhex(commands[task])).decode()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv("/bin/sh", ["sh", "-c", command])


def job_in_log(log: str | Path) -> str | None:
    """The id that `this_job` wrote to the log of a job, if it ran in Slurm."""
    try:
        found = re.match(r"Slurm job (\w+) on ", Path(log).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found and found[1]


def refuse_left_behind(jobs: Iterable[str | None]) -> None:
    """Stop if Slurm still has jobs whose results are about to be made once more.

    A run that was killed leaves its jobs in Slurm. Waiting for them costs less than doing their
    work twice.

    Args:
        jobs: ids that were noted for what has to be made now.

    Raises:
        InputError: naming the jobs that Slurm still has.
    """
    left = sorted(_submitted() & set(jobs))
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


def _submitted() -> set[str]:
    """Jobs of this user that Snakemake submitted and that have not ended, by id, as in 12 or 12_3.

    The executor names them by a UUID, perhaps with a prefix. Others are the user's own: a session
    or a script in which Snakemake ran without the executor, whose logs name that job.
    """
    command = ["squeue", "--me", "--noheader", "--array", "--format", "%i %j"]
    try:
        listed = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return set()  # no Slurm here
    jobs = (line.partition(" ") for line in listed.splitlines())
    return {job for job, _, name in jobs if _UUID.search(name.rstrip())}
