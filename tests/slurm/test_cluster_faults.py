"""Faults of a cluster cost a retry and nothing else."""

import re
import subprocess
import time
from itertools import pairwise

import cluster
import pandas as pd
import pytest
import torch
from user import IMPATIENT, Clone, jobs, queue, wait_for

from dropleak.data.sources import image_tables
from dropleak.engine.client.client import Client
from dropleak.engine.client.training import Training
from dropleak.jobs.training import train_seeds

pytestmark = pytest.mark.slow

SETTINGS = {
    "experiment": "experiment",
    "images": 8,
    "rates": [0.0],
    "attackers": ["idlg"],
    "sample_images": 2,
    "attack": {"iterations": 5800, "images_per_job": 2},
    "utility": {"rates": [0.0], "seeds": 1, "epochs": 1, "batch_size": 256},
}


def states(clone: Clone, rule: str = "") -> list[str]:
    """States of a rule's finished jobs, or of all jobs."""
    return [job["state"] for job in jobs(clone.folder) if rule in ("", job["rule"])]


def attacked(clone: Clone) -> int:
    return len(list((clone.folder / "results").glob("*/attacks/**/images-*.parquet")))


def test_a_node_dies(slurm, clone):
    """Its jobs run again on the other node, which keeps its own results."""
    run = clone(SETTINGS)
    process = run.start("attacks", "join_attacks", "--profile", "slurm", *IMPATIENT)
    wait_for(lambda: states(run).count("RUNNING") == 4)
    lost = {job["jobid"] for job in jobs(run.folder) if job["nodelist"] == "node1"}
    cluster.crash_node("node1")
    try:
        assert process.wait(400) == 0, run.output
    finally:
        cluster.repair_node("node1")
    assert len(pd.read_parquet(run.table("attacks"))) == 8
    assert not list((run.folder / "results").rglob(".partial*"))
    assert {job["jobid"] for job in jobs(run.folder) if job["state"] == "NODE_FAIL"} == lost
    done = [job for job in jobs(run.folder) if job["state"] == "COMPLETED"]
    assert len(done) == 4
    assert {job["nodelist"] for job in done} == {"node2"}


def epochs_in(seconds: float) -> int:
    """Number of training epochs that take at least this long on this machine.

    In core seconds, which do not depend on other work on the machine.
    """
    threads, ended = torch.get_num_threads(), []
    torch.set_num_threads(1)  # as jobs do
    digits = image_tables("digits", "unused", None)
    train_seeds(
        digits["train"],
        digits["test"],
        client=Client("lenet", "classifier", 1),
        rate=0.0,
        seeds=[0],
        training=Training(4, 16, "adam", 0.003, "xavier"),
        device="cpu",
        progress=lambda: ended.append(time.process_time()),
    )
    torch.set_num_threads(threads)
    return round(seconds / min(after - before for before, after in pairwise(ended)))


@pytest.fixture(scope="module")
def slow(slurm, tmp_path_factory):
    """Training that takes longer than its limit of a minute; it runs during other tests."""
    utility = SETTINGS["utility"] | {"epochs": epochs_in(seconds=120), "batch_size": 16}
    clone = Clone(tmp_path_factory.mktemp("slow") / "clone", SETTINGS | {"utility": utility})
    limit = ["--set-resources", "train:runtime=1+30*(attempt-1)"]
    process = clone.start("utility", "--profile", "slurm", *IMPATIENT, *limit)
    yield clone, process
    clone.stop()


def test_the_submitting_process_is_killed(slow, clone):
    """Its jobs continue; a new run refuses to repeat their work, and later uses their results."""
    long = SETTINGS["attack"] | {"images_per_job": 8}
    run = clone(SETTINGS | {"images": 32, "attack": long})
    process = run.start("attacks", "--profile", "slurm", *IMPATIENT)
    wait_for(lambda: len(queue(run.folder)) == 4)
    process.kill()
    process.wait()
    run.snakemake("--unlock")
    refused = run.snakemake("attacks", "--profile", "slurm", *IMPATIENT, succeeds=False)
    assert "are still in Slurm: " in refused
    assert "scancel" in refused
    assert "Traceback" not in refused
    wait_for(lambda: not queue(run.folder))
    assert attacked(run) == 4
    run.snakemake("attacks", "--profile", "slurm", *IMPATIENT)
    assert states(run, "attack") == ["COMPLETED"] * 4


def test_a_job_exceeds_its_memory(slow, clone):
    """Memory grows until the job fits; a job that never fits is named, and the others finish."""
    run = clone(SETTINGS | {"images": 4})
    output = run.snakemake(
        *("attacks", "utility", "--profile", "slurm", *IMPATIENT, "--keep-going"),
        *("--set-resources", "attack:mem_mb=200*10**(attempt-1)", "train:mem_mb=200"),
        *("--retries", "1"),
        succeeds=False,
    )
    assert attacked(run) == 2
    assert states(run, "attack").count("COMPLETED") == 2
    assert len(states(run, "attack")) == 4
    assert [job["reqmem"] for job in jobs(run.folder) if job["rule"] == "train"] == ["200M"] * 2

    assert re.search(r"logs/experiment/train/lenet/classifier/none/\w+/rate-0.0.log", output)
    reasons = output[output.index("Slurm ended these jobs") :]
    assert re.search(
        r"utility/lenet/classifier/none/\w+/rate-0.0.parquet: Exceeded job memory limit", reasons
    )
    assert "logs/slurm/rule_train" in reasons
    assert "attacks/lenet/idlg" not in reasons  # these got more memory, and finished
    assert not list((run.folder / "results").rglob("utility/*"))


def test_a_job_is_told_to_stop(slow, clone):
    """With SIGTERM, as before Slurm takes a node away: the next attempt resumes its work."""
    settings = {"images": 2, "rates": [0.5], "attackers": ["idlg-ignore"]}
    run = clone(SETTINGS | settings | {"attack": {"iterations": 60_000}})
    process = run.start("attacks", "--profile", "slurm", *IMPATIENT)
    logs = run.folder / "logs/experiment/attack/lenet/idlg-ignore"
    wait_for(lambda: list(logs.rglob("images-0-2.log")))
    (log,) = logs.rglob("images-0-2.log")
    wait_for(lambda: "iterations" in log.read_text(encoding="utf-8"))
    time.sleep(2)
    (job,) = queue(run.folder, "RUNNING")
    subprocess.run(["scancel", "--signal=TERM", job], check=True)
    wait_for(lambda: "told to stop after" in log.read_text(encoding="utf-8"))
    assert process.wait(200) == 0, run.output
    assert "resuming after" in log.read_text(encoding="utf-8")
    assert states(run, "attack") == ["FAILED", "COMPLETED"]


def test_a_job_exceeds_its_time(slow):
    clone, process = slow
    assert process.wait(600) == 0, clone.output
    assert states(clone, "train") == ["TIMEOUT", "COMPLETED"]
    assert list(clone.folder.glob("results/experiment/utility/lenet/*/*/*/rate-0.0.parquet"))
