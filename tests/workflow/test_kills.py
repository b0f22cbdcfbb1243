"""After kill -9 of a job, Snakemake or both at a random moment, a rerun gives the same results.

KILLS is the number of kills; `make kill-test` does 36.
"""

import os
import random
import signal
import subprocess
import time

import pandas as pd
import pytest
from processes import jobs_of, scripts, start
from runner import counts, run, with_changes

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "3"))
VICTIMS = ("a job", "Snakemake", "all")
TABLES = {
    "attacks": ["seconds"],
    "utility": ["seconds"],
    "summary": ["seconds_mean"],
    "comparison": ["seconds_ratio"],
    "mean_image": [],
    "tradeoff": [],
    "claims": [],
    "interpretations": [],
}
"""Tables, each with its columns of times."""
SETTINGS = {
    "images": 4,
    "attackers": ["idlg"],
    "attack": {"iterations": 600, "images_per_job": 2, "precision": "float64"},
    "utility": {"rates": [0.0, 0.5], "seeds": 2, "epochs": 2, "batch_size": 64},
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, small):
    """The arguments of a run, its folder, and its duration."""
    folder = tmp_path_factory.mktemp("undisturbed")
    arguments = with_changes(small, folder, SETTINGS)
    began = time.monotonic()
    run("tables", *arguments, "--cores", "2", cwd=folder)
    return arguments, folder, time.monotonic() - began


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_loses_and_corrupts_nothing(undisturbed, tmp_path, number):
    arguments, complete, duration = undisturbed
    victim, rng = VICTIMS[number % len(VICTIMS)], random.Random(number)
    killed = start("tables", *arguments, cwd=tmp_path)
    time.sleep(rng.uniform(0.05, 0.8) * duration)
    kill(killed, victim, rng)
    failed = killed.wait() != 0
    run(*arguments, "--unlock", cwd=tmp_path)
    again = run("tables", *arguments, "--cores", "2", cwd=tmp_path)
    results = tmp_path / "results" / "small"
    for name, times in TABLES.items():
        actual, expected = (
            pd.read_parquet(folder / "tables" / f"{name}.parquet").drop(columns=times)
            for folder in (results, complete / "results" / "small")
        )
        pd.testing.assert_frame_equal(actual, expected)
    assert not list((results / "checkpoints").rglob("*.safetensors"))
    print(f"{victim} killed; failed: {failed}; {counts(again.stderr).get('attack', 0)} attack jobs")


def kill(running: subprocess.Popen, victim: str, rng: random.Random) -> None:
    """Send SIGKILL, unless the run ends before there is a job to kill."""
    match victim:
        case "a job":
            if next(jobs_of(running), None) and (jobs := scripts(running.pid)):
                os.kill(rng.choice(jobs).pid, signal.SIGKILL)
        case "Snakemake":
            running.kill()
        case "all":
            os.killpg(running.pid, signal.SIGKILL)
