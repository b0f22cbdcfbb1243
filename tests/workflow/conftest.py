"""The small experiment."""

from pathlib import Path

import pytest
from places import ROOT
from runner import run


@pytest.fixture(scope="session")
def small() -> list[str | Path]:
    """Arguments that run the small experiment in the current folder; the last is its file."""
    configuration = Path(__file__).with_name("small.yaml")
    return ["--snakefile", ROOT / "Snakefile", "--configfile", configuration]


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small):
    """The folder of a finished run of it, and what it printed.

    The machine's text is ASCII, and the folder has a name that is not, with characters that mean
    something elsewhere; see test_places.py.
    """
    folder = tmp_path_factory.mktemp("{run} [é] *? $HOME 'it' %s")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    variables = ascii_only | {"PYTHONWARNDEFAULTENCODING": "1"}
    return folder, run(*small, "--cores", "2", cwd=folder, **variables)
