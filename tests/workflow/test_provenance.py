"""The provenance record of a run, and `python -m dropleak.report.verify`."""

import hashlib
import json
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import yaml
from places import ROOT
from runner import run


def verify(folder, configuration):
    """Run the command as `make verify` does."""
    return subprocess.run(
        [sys.executable, "-m", "dropleak.report.verify", "--configfile", configuration],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copied(finished, small, tmp_path):
    """A copy of the finished run's results, and its configuration."""
    shutil.copytree(finished[0] / "results", tmp_path / "results")
    return tmp_path, tmp_path / "results" / "small", small[-1]


def test_everything_is_recorded(finished):
    results = finished[0] / "results" / "small"
    record = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    assert record["configuration"]["attack"]["iterations"] == 40
    assert record["configuration"]["success_rmse"] == 0.1  # a default
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    assert record["code"]["commit"] == (head.stdout.strip() or None)
    files = {
        str(path.relative_to(results))
        for folder in ("tables", "figures", "report", "data")
        for path in (results / folder).rglob("*")
        if path.is_file() and not path.name.startswith("images-")  # links to files of jobs
    }
    assert files == record["results"].keys() | record["data"].keys()
    digest = hashlib.sha256((results / "tables" / "summary.csv").read_bytes()).hexdigest()
    assert record["results"]["tables/summary.csv"] == digest
    jobs = {job["file"]: job for job in record["attacks"]}
    assert len(jobs) == 8
    for name, job in jobs.items():
        table = pq.read_table(finished[0] / name)
        assert job["rows"] == len(table)
        assert job["sha256"] == hashlib.sha256((finished[0] / name).read_bytes()).hexdigest()
        assert {job["host"]} == set(table["host"].to_pylist())
        assert {job["device"]} == set(table["device"].to_pylist())
        assert job["commit"] == record["code"]["commit"]
    assert len(record["trainings"]) == 2


def test_unchanged_results_pass(copied):
    folder, _, configuration = copied
    result = verify(folder, configuration)
    assert result.returncode == 0, result.stderr
    assert "belong together" in result.stdout


def test_everything_that_does_not_belong_is_named(copied, tmp_path):
    folder, results, configuration = copied
    changed = yaml.safe_load(configuration.read_text(encoding="utf-8")) | {
        "success_rmse": 0.2,
        "images": 2,
    }
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(changed), encoding="utf-8")
    with (results / "tables" / "summary.csv").open("a", encoding="utf-8") as table:
        table.write("more\n")
    (results / "figures" / "figure6-accuracy-by-rate.png").unlink()
    (results / "figures" / "figure3-sample-dlg.png").touch()
    record = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
    record["code"]["engine_version"] = 1
    (results / "provenance.json").write_text(json.dumps(record), encoding="utf-8")
    result = verify(folder, other)
    assert result.returncode == 1
    assert result.stdout == ""
    lines = sorted(result.stderr.splitlines())
    for line, words in zip(
        lines,
        [
            "engine version: attacks are of version 1",
            "images: was 3 when these results were made, and is 2",
            "results/small/figures/figure3-sample-dlg.png: does not belong",
            "results/small/figures/figure6-accuracy-by-rate.png: is missing",
            "results/small/tables/summary.csv: has changed",
            "success_rmse: was 0.1 when these results were made, and is 0.2",
        ],
        strict=True,
    ):
        assert line.startswith(words), line


def test_a_run_ends_with_the_files_that_it_no_longer_makes(copied, small):
    folder, results, _ = copied
    (results / "figures" / "figure4-rmse-by-rate_lenet_dlg.png").touch()
    (results / "provenance.json").unlink()
    output = run(*small, "--cores", "1", cwd=folder).stdout
    assert "of earlier settings" in output
    assert output.endswith("\nresults/small/figures/figure4-rmse-by-rate_lenet_dlg.png\n")


def test_files_of_jobs_are_checked(copied):
    folder, results, configuration = copied
    (attack,) = results.glob("attacks/lenet/idlg/*/rate-0.5/images-0-2.parquet")
    attack.write_bytes(attack.read_bytes() + b"more")
    (training,) = results.glob("utility/lenet/classifier/none/*/rate-0.9.parquet")
    training.unlink()
    result = verify(folder, configuration)
    assert result.returncode == 1
    assert sorted(result.stderr.splitlines()) == [
        f"{attack.relative_to(folder)}: has changed since the results were recorded",
        f"{training.relative_to(folder)}: is missing",
    ]


def leave_out(path, *keys):
    """Remove an entry of a record."""
    record = part = json.loads(path.read_text(encoding="utf-8"))
    for key in keys[:-1]:
        part = part[key]
    del part[keys[-1]]
    path.write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "provenance.json: does not exist; a complete run makes it"),
        (lambda path: path.write_text("{", encoding="utf-8"), "provenance.json: cannot be read"),
        (
            lambda path: path.write_text("[]", encoding="utf-8"),
            "provenance.json: is not a record of a run",
        ),
        *(
            (lambda path, keys=keys: leave_out(path, *keys), f"'{keys[-1]}' is a required property")
            for keys in (["results"], ["attacks"], ["code", "engine_version"])
        ),
        (lambda path: leave_out(path, "trainings", 0, "sha256"), "'sha256' is a required property"),
    ],
)
def test_without_a_record_there_is_a_message(copied, spoil, words):
    folder, results, configuration = copied
    spoil(results / "provenance.json")
    result = verify(folder, configuration)
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_configuration_is_a_message(copied, tmp_path):
    folder, _, _ = copied
    for text, words in (("images: many", "wrong type"), ("a: [", "cannot be read")):
        (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
        result = verify(folder, tmp_path / "wrong.yaml")
        assert result.returncode == 1
        assert words in result.stderr
        assert "Traceback" not in result.stderr
