"""Running Snakemake as a user does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml


def run(*arguments, cwd, succeeds=True, **variables: str) -> subprocess.CompletedProcess:
    """Run snakemake with some environment variables, and check its exit status."""
    command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    environment = os.environ | variables
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert (result.returncode == 0) == succeeds, result.stdout + result.stderr
    return result


def with_changes(small: list, folder: Path, changes: dict) -> list:
    """The small experiment's arguments, with some settings replaced.

    In a file, because Snakemake reads numbers in the lists and groups of `--config` as text.
    """
    path = folder / "changes.yaml"
    path.write_text(yaml.safe_dump(changes), encoding="utf-8")
    return [*small, path]


def planned(*arguments, cwd="/", **variables: str) -> dict[str, int]:
    """Number of jobs of each rule that a dry run plans."""
    return counts(run(*arguments, "--dry-run", cwd=cwd, **variables).stdout)


def counts(output: str) -> dict[str, int]:
    """Number of jobs of each rule, from the output of a dry run."""
    _, _, table = output.partition("Job stats:")
    rows = re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in rows if rule not in ("job", "total")}
