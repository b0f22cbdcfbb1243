"""Runs in the background of a test, and their processes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A running process."""

    pid: int
    command: str


def start(*arguments, cwd) -> subprocess.Popen:
    """Start snakemake in its own process group; its output goes to `output.log` in `cwd`."""
    command = [sys.executable, "-m", "snakemake", *map(str, arguments), "--cores", "2"]
    with open(Path(cwd) / "output.log", "a", encoding="utf-8") as log:
        return subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log, start_new_session=True)


def jobs_of(run: subprocess.Popen) -> Iterator[Process]:
    """The scripts that a run executes until it ends; waits for the first."""
    while run.poll() is None:
        yield from scripts(run.pid)
        time.sleep(0.02)


def scripts(group: int) -> list[Process]:
    """Python processes in a process group that execute a script of the workflow."""
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            _, _, after = (folder / "stat").read_text(encoding="utf-8").rpartition(") ")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        shell = "bash" in command.partition(" ")[0]
        if int(after.split()[2]) == group and "/.snakemake/scripts/" in command and not shell:
            processes.append(Process(int(folder.name), command))
    return processes
