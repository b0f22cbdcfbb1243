"""A small experiment, and a finished run of it."""

from pathlib import Path

import pytest
from places import ROOT
from runner import run


@pytest.fixture(scope="session")
def small() -> list[str | Path]:
    """Snakemake's arguments for the small experiment; the last is its configuration file."""
    configuration = Path(__file__).with_name("small.yaml")
    return ["--snakefile", ROOT / "Snakefile", "--configfile", configuration]


@pytest.fixture(scope="session")
def finished(tmp_path_factory, small):
    """The folder of a finished run, and its output.

    The locale is ASCII, and the folder's name has other characters and some that are special to
    shells and formats; see test_places.py.
    """
    folder = tmp_path_factory.mktemp("{run} [é] *? $HOME 'it' %s")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    variables = ascii_only | {"PYTHONWARNDEFAULTENCODING": "1"}
    return folder, run(*small, "--cores", "2", cwd=folder, **variables)
