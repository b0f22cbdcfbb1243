"""The workflow as a module of another one, whose folder lacks our profile."""

import json
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import yaml
from places import ROOT
from runner import planned, run

from dropleak.tables import parquet

FROM_A_PATH = f"""
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

# As `snakedeploy deploy-workflow` writes it.
FROM_GIT = """
configfile: "config/config.yaml"


module dropleak:
    snakefile:
        gitfile("{repository}", path="workflow/Snakefile", commit="{commit}")
    config:
        config


use rule * from dropleak
"""


def project(folder, finished, snakefile, settings, others=""):
    """Another project, with the results of a run of the workflow by itself."""
    shutil.copytree(finished[0] / "results", folder / "results")
    (folder / "Snakefile").write_text(snakefile, encoding="utf-8")
    (folder / "config").mkdir()
    text = others + yaml.safe_dump(settings)
    (folder / "config" / "config.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def settings(small):
    return yaml.safe_load(small[-1].read_text(encoding="utf-8"))


@pytest.mark.slow
def test_results_are_used_and_the_summary_is_shown(finished, settings, tmp_path):
    # Our configurations may not have such values, but the other project's may.
    others = "started: 2020-01-01\nverbose: yes\n"
    folder = project(tmp_path / "project", finished, FROM_A_PATH, {"dropleak": settings}, others)
    assert planned(cwd=folder) == {}
    results = folder / "results" / "small"
    partial = results / "tables" / ".partial-1-x.parquet"
    for file in (partial, results / "checkpoints" / "a.safetensors"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    (results / "provenance.json").unlink()
    output = run("--cores", "1", cwd=folder).stdout
    assert (results / "tables" / "summary.txt").read_text(encoding="utf-8") in output
    assert not partial.exists()
    assert not (results / "checkpoints").exists()
    run("--report", "report.html", cwd=folder)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A git repository of the files of this clone, and its commit."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("workflow", "config", "envs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    git = ["git", "-C", folder, "-c", "user.name=me", "-c", "user.email=me@here"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return folder, head.stdout.strip()


@pytest.fixture(scope="module")
def installed(repository, tmp_path_factory):
    """The folder into which pip installed the library from that repository."""
    target = tmp_path_factory.mktemp("installed")
    address = f"git+{repository[0].as_uri()}@{repository[1]}"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", target, address], check=True)
    return target


@pytest.fixture
def deployed(repository, finished, settings, tmp_path):
    """A project that uses the module from git, with a copy of the default profile.

    See docs/module.md. Without the profile, Snakemake 9.27 cannot plan from a `gitfile`: it
    compares the ages of scripts.
    """
    repository, commit = repository
    snakefile = FROM_GIT.format(repository=repository, commit=commit)
    folder = project(tmp_path / "project", finished, snakefile, settings)
    shutil.copytree(ROOT / "workflow" / "profiles" / "default", folder / "profiles" / "default")
    return folder


@pytest.mark.slow
def test_from_git_it_runs_with_the_package_installed(deployed, repository, installed):
    variables = {"PYTHONPATH": str(installed)}
    assert planned(cwd=deployed, **variables) == {}
    results = deployed / "results" / "small"
    for name in ("figures/figure6-accuracy-by-rate.png", "report/run.html", "provenance.json"):
        (results / name).unlink()
    run("--cores", "2", cwd=deployed, **variables)
    record = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    assert record["code"]["commit"] == repository[1]
    run("--report", "report.html", cwd=deployed, **variables)
    (attack,) = results.glob("attacks/lenet/idlg/*/rate-0.5/images-0-2.parquet")
    before = pq.read_table(attack)
    attack.unlink()
    run(attack.relative_to(deployed), "--cores", "1", cwd=deployed, **variables)
    assert pq.read_table(attack)["rmse"].equals(before["rmse"])
    assert parquet.metadata(pq.read_table(attack))["code"]["commit"] == repository[1]


def test_from_git_without_the_package_a_message_says_what_to_install(deployed, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['dropleak'] = None  # makes an import fail\n", encoding="utf-8"
    )
    failed = run("--dry-run", cwd=deployed, succeeds=False, PYTHONPATH=str(tmp_path))
    output = failed.stdout + failed.stderr
    assert "is not installed where Snakemake runs" in output
    assert "pip install git+https://" in output
    assert "Traceback" not in failed.stderr
