"""The small experiment."""

from pathlib import Path

import pytest

from places import ROOT


@pytest.fixture(scope="session")
def small() -> list[str | Path]:
    """Arguments that run the small experiment in the current folder; the last is its file."""
    configuration = Path(__file__).with_name("small.yaml")
    return ["--snakefile", ROOT / "Snakefile", "--configfile", configuration]
