"""The workflow as a module of another one, whose folder has no profile of ours."""

import shutil

import pytest
import yaml
from places import ROOT
from runner import planned, run

SNAKEFILE = f"""
configfile: "config/config.yaml"


module dropleak:
    snakefile:
        "{ROOT}/workflow/Snakefile"
    config:
        config["dropleak"]


use rule * from dropleak as dropleak_*


rule everything:
    default_target: True
    input:
        rules.dropleak_all.input,
"""


@pytest.fixture
def project(finished, small, tmp_path):
    """Another project, with what a run of the workflow by itself made."""
    folder = tmp_path / "project"
    shutil.copytree(finished[0], folder)
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (folder / "config").mkdir()
    settings = {"samples": ["a", "b"], "dropleak": yaml.safe_load(small[-1].read_text("utf-8"))}
    # What would be refused in a configuration of ours is the other project's own affair.
    text = f"started: 2020-01-01\nverbose: yes\n{yaml.safe_dump(settings)}"
    (folder / "config" / "config.yaml").write_text(text, encoding="utf-8")
    return folder


def test_results_are_used_and_the_outcome_is_shown(project):
    assert planned(cwd=project) == {}
    results = project / "results" / "small"
    partial = results / "tables" / ".partial-1-x.parquet"
    for file in (partial, results / "checkpoints" / "a.safetensors"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (results / "provenance.json").unlink()
    said = run("--cores", "1", cwd=project).stdout
    assert (results / "tables" / "summary.txt").read_text(encoding="utf-8") in said
    assert not partial.exists()
    assert not (results / "checkpoints").exists()
    run("--report", "report.html", cwd=project)
