"""From a user's module to a report, as docs/your-model.md has it."""

import re
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from places import ROOT
from runner import planned, run
from test_bad_input import fails

PAGE = (ROOT / "docs" / "your-model.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples"
CONFIGURATION = (EXAMPLES / "small_cnn.yaml").read_text(encoding="utf-8")


def arguments(folder, configuration):
    """Snakemake's arguments for a copy of the example with this configuration in a folder."""
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "c.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return ["--snakefile", ROOT / "Snakefile", "--cores", "2", "--configfile", folder / "c.yaml"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with results of the example after few iterations, and the arguments of the run."""
    folder = tmp_path_factory.mktemp("example")
    small = {"images": 2, "attack": {"iterations": 20}}
    utility = {"utility": {"rates": [0.0, 0.5], "seeds": 2, "epochs": 1}}
    settings = yaml.safe_load(CONFIGURATION) | small | utility
    everything = arguments(folder / "files", settings)
    run(*everything, cwd=folder)
    return folder, everything


def test_the_page_shows_the_examples_files():
    blocks = re.findall(r"^`(examples/[\w.]+)`:\n\n```\w+\n(.*?)^```", PAGE, re.M | re.S)
    assert [name for name, _ in blocks] == ["examples/small_cnn.py", "examples/small_cnn.yaml"]
    for name, block in blocks:
        assert block in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_example_runs_to_its_end(finished):
    folder, _ = finished
    results = folder / "results" / "small-cnn"
    attacks = pd.read_parquet(results / "tables" / "attacks.parquet")
    assert attacks.groupby("attacker").size().to_dict() == dict.fromkeys(
        ("idlg", "mask-reading", "dropout-inversion", "inverting-gradients"), 4
    )
    assert (attacks["label"] == attacks["label_inferred"]).all()
    utility = pd.read_parquet(results / "tables" / "utility.parquet")
    assert set(utility["network"]) == {"small_cnn.build+small_cnn"}
    assert utility["test_accuracy"].min() > 0.9  # it starts from the trained weights
    tradeoff = pd.read_parquet(results / "tables" / "tradeoff.parquet")
    assert len(tradeoff) == 4 * 2
    methods = (results / "report" / "methods.tex").read_text(encoding="utf-8")
    assert r"the network \texttt{build} of \texttt{small\_cnn.py}" in methods
    assert "batch norm with the statistics that came with the weights" in methods


@pytest.mark.slow
def test_if_files_move_only_what_names_them_is_written_again(finished):
    folder, everything = finished
    (folder / "files").rename(folder / "moved")
    jobs = planned(*everything[:-1], folder / "moved" / "c.yaml", cwd=folder)
    assert jobs == {"report_pages": 1, "provenance": 1, "all": 1}


@pytest.mark.slow
def test_the_weights_are_trained_in_a_minute(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    sys.modules.pop("small_cnn", None)
    import train_small_cnn

    train_small_cnn.main(tmp_path / "weights.safetensors")
    accuracy = re.search(r"test accuracy ([\d.]+)%", capsys.readouterr().out)
    assert float(accuracy[1]) > 95
    assert Path(tmp_path, "weights.safetensors").stat().st_size < 200_000


_DROPPING = """
class Dropping(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x)
"""


@pytest.mark.parametrize(
    ("old", "new", "words", "options"),
    [
        ("nn.Dropout(0.2)", "Dropping()", "dropout in its forward that is not a module", ["-n"]),
        ("def build", "def make", "small_cnn.py:build: the file has no function build", []),
    ],
    ids=["dry run", "run"],
)
def test_planning_says_what_is_wrong(tmp_path, old, new, words, options):
    everything = arguments(tmp_path / "files", yaml.safe_load(CONFIGURATION))
    path = tmp_path / "files" / "small_cnn.py"
    text = path.read_text(encoding="utf-8").replace(old, new) + _DROPPING
    path.write_text(text, encoding="utf-8")
    line = f"small_cnn.py:{text.count(chr(10))}" if old == "nn.Dropout(0.2)" else words
    fails(tmp_path, *everything[2:], *options, words=[words, line])
