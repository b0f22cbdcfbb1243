"""Odd folders for the workflow, its images and its results."""

import shutil

import pytest
import yaml
from bad import image_tree
from places import ROOT
from runner import planned, run

ODD = "-[x] *? $HOME ~ %s 'a' \"b\" é\nè a:b\\c"


def test_a_run_succeeds_in_an_odd_folder_and_locale(finished):
    """The fixture chooses them; also, no text is read or written in the locale's encoding."""
    folder, result = finished
    assert "{run} [é]" in folder.name
    assert "Tables are in results/small/tables" in result.stdout
    warnings = [line for line in result.stderr.splitlines() if "EncodingWarning" in line]
    assert warnings  # from other libraries
    assert not [line for line in warnings if str(ROOT / "workflow") in line]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["{x} {{y}} }", ODD])
def test_images_configuration_and_results_may_have_any_name(tmp_path, name):
    folder = tmp_path / name
    image_tree(folder / "images")
    configuration = folder / f"{name}.yaml"
    settings = {
        "experiment": "mine",
        "data": {"source": "folder", "root": str(folder / "images").replace("$", "$$")},
        "images": 2,
    }
    configuration.write_text(yaml.safe_dump(settings), encoding="utf-8")
    jobs = planned("--snakefile", ROOT / "Snakefile", "--configfile", configuration, cwd=folder)
    assert jobs["attack"] == 6 * 2


@pytest.fixture
def checkout(tmp_path):
    """Copy the workflow to a folder with a given name; returns the arguments that run it."""

    def copy(name):
        folder = tmp_path / name
        for part in ("workflow", "envs"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        shutil.copy(ROOT / "Snakefile", folder)
        return ["--snakefile", folder / "Snakefile"]

    return copy


def test_the_workflow_may_not_be_below_a_folder_with_braces(checkout, small, tmp_path):
    arguments = [*checkout("{x}"), *small[2:]]
    refused = run("images", *arguments, "--cores", "1", cwd=tmp_path, succeeds=False)
    output = refused.stdout + refused.stderr
    assert f"{tmp_path}/{{x}}/workflow: Snakemake takes the braces" in output
    assert "Traceback" not in output
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_the_workflow_may_be_below_a_folder_with_another_odd_name(checkout, small, tmp_path):
    run("images", *checkout(ODD), *small[2:], "--cores", "1", cwd=tmp_path)
    assert list(tmp_path.glob("results/small/data/*/test.parquet"))
