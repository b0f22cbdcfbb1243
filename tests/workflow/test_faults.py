"""No fault loses or corrupts a result: finished results are used, and only those."""

import os
import shutil
import signal
import subprocess
import time

import pandas as pd
import pyarrow.parquet as pq
import pytest
from processes import jobs_of, scripts, start
from runner import counts, run, with_changes

pytestmark = pytest.mark.slow

TABLE = "results/small/tables/attacks.parquet"
INDEX = f"{TABLE}/_metadata"
LONG = {
    "images": 2,
    "rates": [0.0],
    "attackers": ["idlg-ignore"],
    "attack": {"iterations": 20_000, "precision": "float64"},
}
"""An attack that takes some seconds."""


def attacks(folder):
    """The table of all attacks, without times."""
    return pd.read_parquet(folder / TABLE).drop(columns="seconds")


@pytest.fixture
def small_disk(tmp_path):
    """Give `results` its own file system; yields a function that remounts it with other options."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    folder = tmp_path / "results"
    folder.mkdir()

    def mount(*options):
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", folder], check=True
        )

    mount("size=300k")
    yield lambda *options: mount("remount", *options)
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_reported_and_the_run_can_be_completed(
    finished, small, tmp_path, small_disk
):
    failed = run(INDEX, *small, "--cores", "2", cwd=tmp_path, succeeds=False)
    assert "train.parquet: No space left on device; free some space and run again" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    small_disk("size=20M")
    run(INDEX, *small, "--cores", "2", cwd=tmp_path)
    pd.testing.assert_frame_equal(attacks(tmp_path), attacks(finished[0]))


def test_a_read_only_folder_is_reported(small, tmp_path, small_disk):
    small_disk("ro")
    failed = run(INDEX, *small, "--cores", "2", cwd=tmp_path, succeeds=False)
    assert "Failed to create output directory" in failed.stderr
    assert "Read-only file system: 'results/small'" in failed.stderr
    small_disk("rw", "size=20M")
    run(INDEX, *small, "--cores", "2", cwd=tmp_path)


def test_only_the_experiment_of_a_running_run_is_locked(finished, small, tmp_path):
    """Two runs of different experiments in one folder do not disturb each other."""
    one = start(INDEX, *small, cwd=tmp_path)
    next(jobs_of(one))
    locked = run(INDEX, *small, "--cores", "1", cwd=tmp_path, succeeds=False)
    assert "Directory cannot be locked" in locked.stderr
    other = TABLE.replace("small", "other")
    arguments = with_changes(small, tmp_path, {"experiment": "other", "rates": [0.5]})
    run(f"{other}/_metadata", *arguments, "--cores", "1", cwd=tmp_path)
    assert one.wait() == 0
    pd.testing.assert_frame_equal(attacks(tmp_path), attacks(finished[0]))
    half = attacks(finished[0]).query("dropout_rate == 0.5").reset_index(drop=True)
    actual = pd.read_parquet(tmp_path / other).drop(columns="seconds")
    pd.testing.assert_frame_equal(actual, half)


def test_a_job_that_is_told_to_stop_resumes_with_the_same_result(small, tmp_path):
    """With SIGTERM, as from Slurm before it takes a node away or a time limit is reached."""
    arguments = with_changes(small, tmp_path, LONG)
    for name in ("undisturbed", "stopped"):
        (tmp_path / name).mkdir()
    run(INDEX, *arguments, "--cores", "1", cwd=tmp_path / "undisturbed")
    folder = tmp_path / "stopped"
    running = start(INDEX, *arguments, cwd=folder)
    job = next(job for job in jobs_of(running) if "attack.py" in job.command)
    (complete,) = (tmp_path / "undisturbed").glob("logs/small/attack/*/*/*/*/images-0-2.log")
    log = folder / complete.relative_to(tmp_path / "undisturbed")
    while not (log.exists() and "iterations" in log.read_text(encoding="utf-8")):
        time.sleep(0.1)
    time.sleep(0.5)
    os.kill(job.pid, signal.SIGTERM)
    assert running.wait() != 0
    assert "told to stop after" in log.read_text(encoding="utf-8")
    assert "Traceback" not in log.read_text(encoding="utf-8")
    assert list((folder / "results/small/checkpoints").rglob("*.safetensors"))
    run(INDEX, *arguments, "--cores", "1", cwd=folder)
    assert "resuming after" in log.read_text(encoding="utf-8")
    assert not list((folder / "results/small/checkpoints").rglob("*.safetensors"))
    pd.testing.assert_frame_equal(attacks(folder), attacks(tmp_path / "undisturbed"))


def test_a_damaged_page_is_named_and_the_file_made_again_when_deleted(finished, small, tmp_path):
    """Planning does not notice, because it does not read entire files."""
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    (path,) = folder.glob("results/small/attacks/lenet/idlg/*/rate-0.5/images-0-2.parquet")
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(content)
    (folder / INDEX).unlink()
    failed = run(INDEX, *small, "--cores", "1", cwd=folder, succeeds=False)
    assert "images-0-2.parquet: is damaged" in failed.stderr
    assert "delete it and run again" in failed.stderr
    path.unlink()
    run(INDEX, *small, "--cores", "1", cwd=folder)
    pd.testing.assert_frame_equal(attacks(folder), attacks(finished[0]))


def test_results_of_jobs_that_outlive_snakemake_are_used(small, tmp_path):
    arguments = with_changes(small, tmp_path, LONG)
    running = start(INDEX, *arguments, cwd=tmp_path)
    next(job for job in jobs_of(running) if "attack.py" in job.command)
    running.kill()
    running.wait()
    run(*arguments, "--unlock", cwd=tmp_path)
    while scripts(running.pid):
        time.sleep(0.1)
    assert list((tmp_path / "results/small/attacks").rglob("images-*.parquet"))
    again = run(INDEX, *arguments, "--cores", "1", cwd=tmp_path)
    assert counts(again.stderr) == {"join_attacks": 1}
    assert len(attacks(tmp_path)) == 2
