"""Where the workflow, its images and its results may lie."""

import shutil

import pytest
import yaml
from bad import image_tree
from places import ROOT
from runner import planned, run

ODD = "-[x] *? $HOME ~ %s 'a' \"b\" é\nè a:b\\c"


def test_a_run_in_a_folder_and_a_locale_of_its_own_goes_well(finished):
    """Which names the fixture chooses; also, no text is read or written as the locale says."""
    folder, made = finished
    assert "{run} [é]" in folder.name
    assert "Tables are in results/small/tables" in made.stdout
    warnings = [line for line in made.stderr.splitlines() if "EncodingWarning" in line]
    assert warnings  # of others
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
        **{"images": 2, "sample_images": 2},
    }
    configuration.write_text(yaml.safe_dump(settings), encoding="utf-8")
    jobs = planned("--snakefile", ROOT / "Snakefile", "--configfile", configuration, cwd=folder)
    assert jobs["attack"] == 6 * 2


@pytest.fixture
def checkout(tmp_path):
    """Copies the workflow to a folder of some name; returns the arguments that run it."""

    def copy(name):
        folder = tmp_path / name
        for part in ("workflow", "envs"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        shutil.copy(ROOT / "Snakefile", folder)
        return ["--snakefile", folder / "Snakefile"]

    return copy


def test_the_workflow_itself_may_not_lie_below_braces(checkout, small, tmp_path):
    arguments = [*checkout("{x}"), *small[2:]]
    refused = run("images", *arguments, "--cores", "1", cwd=tmp_path, succeeds=False)
    said = refused.stdout + refused.stderr
    assert f"{tmp_path}/{{x}}/workflow: Snakemake takes the braces" in said
    assert "Traceback" not in said
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_the_workflow_may_lie_below_other_names(checkout, small, tmp_path):
    run("images", *checkout(ODD), *small[2:], "--cores", "1", cwd=tmp_path)
    assert list(tmp_path.glob("results/small/data/*/test.parquet"))
