"""The small experiment."""

from pathlib import Path

import pytest
from runner import run

from places import ROOT


@pytest.fixture(scope="session")
def small() -> list[str | Path]:
    """Arguments that run the small experiment in the current folder; the last is its file."""
    configuration = Path(__file__).with_name("small.yaml")
    return ["--snakefile", ROOT / "Snakefile", "--configfile", configuration]


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small):
    """The folder of a finished run of it, and what it printed."""
    folder = tmp_path_factory.mktemp("run")
    return folder, run(*small, "--cores", "2", cwd=folder)
