"""A user of a cluster: clones, configures, runs Snakemake, and queries Slurm."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml
from places import ROOT

IMPATIENT = [
    "--slurm-init-seconds-before-status-checks",
    "3",
    "--seconds-between-status-checks",
    "3",
]
"""Shorter waits than the profile's, which suit jobs of minutes."""


class Clone:
    """A fresh clone with its own configuration, and Snakemake in it."""

    def __init__(self, folder: Path, settings: dict):
        self.folder = folder
        self.processes = []
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.split(b"\0")
        for name in filter(None, names):
            source, target = ROOT / name.decode(), folder / name.decode()
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target, follow_symlinks=False)
        self.configure(settings)

    def configure(self, settings: dict) -> None:
        """Replace config/config.yaml, as a user would."""
        (self.folder / "config" / "config.yaml").write_text(
            yaml.safe_dump(settings), encoding="utf-8"
        )

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start snakemake as its own process group; its output goes to the file `output`."""
        with open(self.folder / "output", "w", encoding="utf-8") as output:
            process = subprocess.Popen(
                ["snakemake", *arguments],
                cwd=self.folder,
                env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=hear_interrupts,
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """Kill the started processes that still run."""
        for process in self.processes:
            process.kill()
            process.wait()

    def snakemake(self, *arguments: str, succeeds: bool = True, timeout: int = 600) -> str:
        """Run snakemake, check its exit status, and return its output."""
        process = self.start(*arguments)
        process.wait(timeout)
        assert (process.returncode == 0) == succeeds, self.output
        return self.output

    @property
    def output(self) -> str:
        """The output of snakemake so far."""
        return (self.folder / "output").read_text(encoding="utf-8")

    def table(self, name: str) -> Path:
        return self.folder / "results" / "experiment" / "tables" / f"{name}.parquet"


def hear_interrupts() -> None:
    """As in a terminal; a shell's background jobs, such as these tests, may ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def jobs(folder: Path) -> list[dict[str, str]]:
    """All jobs of a folder in Slurm's accounting, with a row per attempt.

    A job's rule comes from its comment, which Slurm stores when the job has ended.
    """
    columns = ["jobid", "state", "nodelist", "alloctres", "comment", "reqmem", "workdir"]
    listed = subprocess.run(
        ["sacct", "-XDPn", "-o", ",".join(columns)], capture_output=True, text=True, check=True
    ).stdout
    rows = [dict(zip(columns, line.split("|"), strict=True)) for line in listed.splitlines()]
    return [
        row
        | {
            "state": row["state"].split()[0],
            "rule": row["comment"].removeprefix("rule_").partition("_")[0],
        }
        for row in rows
        if row["workdir"] == str(folder)
    ]


def wait_for(condition, seconds: float = 120) -> None:
    """Return as soon as a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def queue(folder: Path, *states: str) -> list[str]:
    """Ids of a folder's unfinished jobs, or of those in some states."""
    chosen = ["--states", ",".join(states)] if states else []
    listed = subprocess.run(
        ["squeue", "--noheader", "--array", "--format", "%i %Z", *chosen],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [line.split()[0] for line in listed.splitlines() if line.endswith(f" {folder}")]
