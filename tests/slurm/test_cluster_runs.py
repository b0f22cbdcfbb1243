"""The workflow on a Slurm cluster: complete, incremental, and the same as on one machine."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import cluster
import pandas as pd
import pytest
from user import IMPATIENT, Clone, jobs, queue, wait_for

pytestmark = pytest.mark.slow

SETTINGS = {
    "experiment": "experiment",
    "images": 4,
    "rates": [0.0, 0.5],
    "attackers": ["idlg"],
    "sample_images": 2,
    "attack": {"iterations": 40, "images_per_job": 2, "precision": "float64"},
    "utility": {"rates": [0.0, 0.9], "seeds": 1, "epochs": 1, "batch_size": 256},
}


@pytest.fixture(scope="module")
def finished(slurm, tmp_path_factory):
    """A clone in which the documented command has run."""
    clone = Clone(tmp_path_factory.mktemp("finished") / "clone", SETTINGS)
    clone.snakemake("--profile", "slurm")
    return clone


@pytest.fixture(scope="module")
def slurm_jobs(finished):
    """The jobs that accounting lists after that run."""
    return jobs(finished.folder)


def test_every_figure_is_drawn(finished):
    drawn = {path.stem for path in (finished.folder / "results/experiment/figures").glob("*.png")}
    assert {name[:7] for name in drawn} == {f"figure{n}" for n in range(1, 10)}
    assert not list((finished.folder / "results").rglob(".partial*"))


def test_accounting_agrees_with_snakemake(finished, slurm_jobs):
    """Every attack and training was a job, and succeeded."""
    assert Counter(job["rule"] for job in slurm_jobs) == {"attack": 4, "train": 2}
    assert {job["state"] for job in slurm_jobs} == {"COMPLETED"}
    done = re.findall(r"Finished jobid: \d+ \(Rule: (attack|train)\)", finished.output)
    assert Counter(done) == {"attack": 4, "train": 2}


def test_jobs_ran_on_both_nodes_each_with_its_own_gpu(finished, slurm_jobs):
    assert {job["nodelist"] for job in slurm_jobs} == {"node1", "node2"}
    for job in slurm_jobs:
        assert "gres/gpu=1" in job["alloctres"]
    folder = finished.folder / "logs" / "experiment"
    logs = [log for rule in ("attack", "train") for log in (folder / rule).rglob("*.log")]
    first_lines = [path.read_text(encoding="utf-8").splitlines()[0] for path in logs]
    logged = [
        re.fullmatch(r"Slurm job (\S+) on (\S+), GPU (\d)", line).groups() for line in first_lines
    ]
    assert {(job, node) for job, node, _ in logged} == {
        (job["jobid"], job["nodelist"]) for job in slurm_jobs
    }
    assert len({(node, gpu) for _, node, gpu in logged}) > 2


def test_the_results_are_those_of_a_local_run(finished, tmp_path):
    local = Clone(tmp_path / "clone", SETTINGS)
    local.snakemake("--cores", "2")
    for name in ("attacks", "utility"):
        expected, actual = (
            pd.read_parquet(clone.table(name)).drop(columns="seconds")
            for clone in (local, finished)
        )
        pd.testing.assert_frame_equal(actual, expected, check_exact=True)


def test_a_change_submits_exactly_the_new_jobs(finished, slurm_jobs):
    def new_jobs(*arguments):
        before = jobs(finished.folder)
        finished.snakemake(*arguments, "--profile", "slurm", *IMPATIENT)
        return [job["rule"] for job in jobs(finished.folder)[len(before) :]]

    assert new_jobs() == []

    finished.configure(SETTINGS | {"rates": [0.0, 0.3, 0.5]})
    assert new_jobs() == ["attack"] * 2
    assert len(list((finished.folder / "results").rglob("attacks/*/*/*/rate-0.3/*"))) == 2

    finished.configure(SETTINGS | {"rates": [0.0, 0.3, 0.5], "images": 6})
    assert new_jobs("attacks") == ["attack"] * 3
    assert len(list((finished.folder / "results").glob("*/attacks/**/images-4-6.parquet"))) == 3


def test_the_option_jobs_respects_a_users_submit_limit(slurm, clone):
    def limit(jobs):
        command = ["sacctmgr", "-i", "modify", "user", "root", "set", f"MaxSubmitJobs={jobs}"]
        subprocess.run(command, check=True, capture_output=True)

    limited = clone(SETTINGS | {"images": 6, "rates": [0.5]})
    others = subprocess.run(["squeue", "--me", "--noheader"], capture_output=True, check=True)
    limit(2 + len(others.stdout.splitlines()))
    try:
        limited.snakemake("attacks", "--profile", "slurm", *IMPATIENT, "--jobs", "2")
    finally:
        limit(-1)
    assert [job["state"] for job in jobs(limited.folder)] == ["COMPLETED"] * 3


def test_interrupting_cancels_submitted_jobs(slurm, clone):
    long = {"attack": {"iterations": 60_000, "images_per_job": 1}, "rates": [0.5]}
    running = clone(SETTINGS | long | {"attackers": ["idlg-ignore"]})
    process = running.start("attacks", "--profile", "slurm", *IMPATIENT)
    wait_for(lambda: queue(running.folder, "running"))
    process.send_signal(2)
    process.wait(60)
    wait_for(lambda: not queue(running.folder))
    assert not list(Path(running.folder, "results").rglob("images-*.parquet"))


def test_neither_gpus_nor_accounting_are_needed(slurm, clone):
    cluster.up(accounting=False, gpus=False)
    try:
        plain = clone(SETTINGS | {"rates": [0.5]})
        without_gpus = ["--set-resources", "attack:gpu=0", "train:gpu=0"]
        plain.snakemake("tables", "--profile", "slurm", *IMPATIENT, *without_gpus)
        assert len(pd.read_parquet(plain.table("attacks"))) == 4
    finally:
        cluster.up()
