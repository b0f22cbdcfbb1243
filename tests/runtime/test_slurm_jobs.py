"""Messages about Slurm's jobs, with a fake squeue."""

import pytest

from dropleak.errors import InputError
from dropleak.runtime import slurm
from dropleak.runtime.logging import job_log

NAME = "0b1f1c5a-53e4-4d0e-9f3e-3f4f2a1d8c11"
COMMENT = "rule_attack_wildcards_idlg_e564de10_0.5_0-240"


@pytest.fixture
def queue(monkeypatch, tmp_path):
    """Set the jobs that squeue lists, with name, comment and folder."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.chdir(tmp_path)

    def set_queue(*jobs, name=NAME, comment=COMMENT, folder=tmp_path):
        lines = [f"{job}\t{name}\t{comment}\t{folder}" for job in jobs]
        (tmp_path / "listed").write_text("\n".join(lines) + "\n", encoding="utf-8")
        squeue = tmp_path / "squeue"
        squeue.write_text(f"#!/bin/sh\ncat '{tmp_path}/listed'\n", encoding="utf-8")
        squeue.chmod(0o755)

    return set_queue


def test_jobs_of_an_earlier_run_are_named(queue):
    queue("12", "14")
    with pytest.raises(InputError, match=r"still in Slurm: 12 14\. .* scancel 12 14$"):
        slurm.refuse_left_behind(["0588175f", "e564de10"])


def test_the_executors_jobs_may_have_a_prefix(queue):
    queue("12", name=f"mine_{NAME}")
    with pytest.raises(InputError, match=r"still in Slurm: 12\."):
        slurm.refuse_left_behind(["e564de10"])


@pytest.mark.parametrize("name", ["interactive", "bash", "my job.sh", "0b1f1c5a", "café", ""])
def test_jobs_with_other_names_are_the_users_own(queue, name):
    queue("777", name=name)
    slurm.refuse_left_behind(["e564de10"])


@pytest.mark.parametrize(
    "other", [{"folder": "/elsewhere"}, {"comment": "rule_attack_wildcards_idlg_11111111_0.5_0-2"}]
)
def test_jobs_that_make_other_results_do_not_matter(queue, other):
    queue("99", **other)
    slurm.refuse_left_behind(["e564de10"])


def test_without_slurm_nothing_is_left_behind(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    slurm.refuse_left_behind(["e564de10"])


def test_a_log_begins_with_the_job_that_wrote_it(monkeypatch, tmp_path):
    log = tmp_path / "log"
    with job_log(log):
        print("working")
    assert log.read_text(encoding="utf-8") == "working\n"
    for name, value in {
        "SLURM_JOB_ID": "15",
        "SLURMD_NODENAME": "node2",
        "CUDA_VISIBLE_DEVICES": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with job_log(log):
        print("working")
    assert log.read_text(encoding="utf-8") == "Slurm job 15 on node2, GPU 1\nworking\n"


LOG = """\
rule attack:
    output: results/e/attacks/a.parquet
slurmstepd-node2: error: StepId=17.batch exceeded memory limit (234 > 210), being killed
slurmstepd-node2: error: Exceeded job memory limit
"""


def test_reasons_come_from_slurms_logs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    logs = tmp_path / "logs" / "rule_attack"
    logs.mkdir(parents=True)
    (logs / "17.log").write_text(LOG, encoding="utf-8")
    (logs / "18.log").write_text(
        LOG.replace("a.parquet", "b.parquet").partition("slurm")[0], encoding="utf-8"
    )
    timeout = "slurmstepd: error: *** JOB 14 ON node1 CANCELLED AT 2026 DUE TO TIME LIMIT ***\n"
    (logs / "19.log").write_text(
        "    output: c.parquet, c.safetensors\n" + timeout, encoding="utf-8"
    )
    assert slurm.reasons("logs", since=0) == [
        "results/e/attacks/a.parquet: Exceeded job memory limit (logs/rule_attack/17.log)",
        "c.parquet: DUE TO TIME LIMIT (logs/rule_attack/19.log)",
    ]
    (tmp_path / "c.parquet").touch()  # made by a later attempt
    assert len(slurm.reasons("logs", since=0)) == 1
    assert slurm.reasons("logs", since=2e9) == []
