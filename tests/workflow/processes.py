"""Runs that go on beside a test, and their processes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process."""

    pid: int
    command: str


def start(*arguments, cwd) -> subprocess.Popen:
    """Start snakemake in a process group of its own; what it says goes to `said.log` in `cwd`."""
    command = [sys.executable, "-m", "snakemake", *map(str, arguments), "--cores", "2"]
    with open(Path(cwd) / "said.log", "a", encoding="utf-8") as said:
        return subprocess.Popen(command, cwd=cwd, stdout=said, stderr=said, start_new_session=True)


def jobs_of(run: subprocess.Popen) -> Iterator[Process]:
    """Scripts that a run executes, as long as it goes on; waits until there are some."""
    while run.poll() is None:
        yield from scripts(run.pid)
        time.sleep(0.02)


def scripts(group: int) -> list[Process]:
    """Python processes in a process group that execute a script of the workflow."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            _, _, after = (folder / "stat").read_text(encoding="utf-8").rpartition(") ")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        shell = "bash" in command.partition(" ")[0]
        if int(after.split()[2]) == group and "/.snakemake/scripts/" in command and not shell:
            found.append(Process(int(folder.name), command))
    return found
