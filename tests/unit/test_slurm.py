"""What is said of Slurm's jobs, with a squeue that lists what a test wants."""

import base64
import json
import zlib

import pytest

from dropleak import slurm
from dropleak.errors import InputError
from dropleak.joblog import job_log


@pytest.fixture
def queue(monkeypatch, tmp_path):
    """Sets what squeue lists."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def set_queue(*jobs, name="0b1f1c5a-53e4-4d0e-9f3e-3f4f2a1d8c11"):
        squeue = tmp_path / "squeue"
        squeue.write_text(
            "#!/bin/sh\n" + "".join(f"echo '{job} {name}'\n" for job in jobs), encoding="utf-8"
        )
        squeue.chmod(0o755)

    return set_queue


def test_jobs_of_an_earlier_run_are_named(queue):
    queue("12_3", "12_4", "99")
    with pytest.raises(InputError, match="jobs of an earlier run are still in Slurm: 12_3 12_4"):
        slurm.refuse_left_behind(["12_4", None, "12_3", "7"])


@pytest.mark.parametrize("prefix", ["", "mine_"])
def test_the_executors_jobs_are_told_by_their_names(queue, prefix):
    queue("12", name=f"{prefix}0b1f1c5a-53e4-4d0e-9f3e-3f4f2a1d8c11")
    with pytest.raises(InputError, match=r"still in Slurm: 12\. .* scancel 12$"):
        slurm.refuse_left_behind(["12"])


@pytest.mark.parametrize("name", ["interactive", "bash", "my job.sh", "0b1f1c5a", "café", ""])
def test_a_session_in_which_an_earlier_run_was_local_is_the_users_own(queue, tmp_path, name):
    (tmp_path / "log").write_text("Slurm job 777 on node1, GPU none\n", encoding="utf-8")
    queue("777", "777_1", name=name)
    slurm.refuse_left_behind([slurm.job_in_log(tmp_path / "log"), "777_1"])


def test_jobs_that_have_ended_do_not_matter(queue):
    queue("99")
    slurm.refuse_left_behind(["12_4", None])


def test_without_slurm_nothing_is_left_behind(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    slurm.refuse_left_behind(["12_4"])


def test_a_log_begins_with_the_job_that_wrote_it(monkeypatch, tmp_path):
    log = tmp_path / "log"
    assert slurm.job_in_log(log) is None
    with job_log(log):
        print("working")
    assert slurm.job_in_log(log) is None
    for name, value in {
        "SLURM_JOB_ID": "15",
        "SLURM_ARRAY_JOB_ID": "12",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURMD_NODENAME": "node2",
        "CUDA_VISIBLE_DEVICES": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with job_log(log):
        print("working")
    assert log.read_text(encoding="utf-8") == "Slurm job 12_3 on node2, GPU 1\nworking\n"
    assert slurm.job_in_log(log) == "12_3"
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    with job_log(log):
        pass
    assert slurm.job_in_log(log) == "15"


@pytest.mark.parametrize(("task", "expected"), [("1", None), ("2", "echo 2"), ("3", "echo 3")])
def test_a_task_of_an_array_becomes_its_own_command(monkeypatch, task, expected):
    commands = {str(n): zlib.compress(f"echo {n}".encode()).hex() for n in (2, 3)}
    payload = base64.b64encode(json.dumps(commands).encode()).decode()
    became = []
    monkeypatch.setattr("sys.argv", ["snakemake", f"--slurm-jobstep-array-execs={payload}"])
    monkeypatch.setattr("os.execv", lambda program, words: became.append(words[-1]))
    monkeypatch.setenv("SLURM_ARRAY_TASK_MIN", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", task)
    slurm.become_own_array_task()
    assert became == ([expected] if expected else [])


def test_elsewhere_nothing_is_become(monkeypatch):
    monkeypatch.setattr("os.execv", lambda *_: pytest.fail("not in an array"))
    slurm.become_own_array_task()


LOG = """\
rule attack:
    output: results/e/attacks/a.parquet
slurmstepd-node2: error: StepId=17.batch exceeded memory limit (234 > 210), being killed
slurmstepd-node2: error: Exceeded job memory limit
"""


def test_reasons_are_taken_from_slurms_logs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    logs = tmp_path / "logs" / "rule_attack"
    logs.mkdir(parents=True)
    (logs / "17.log").write_text(LOG, encoding="utf-8")
    (logs / "18.log").write_text(
        LOG.replace("a.parquet", "b.parquet").partition("slurm")[0], encoding="utf-8"
    )
    timeout = "slurmstepd: error: *** JOB 14 ON node1 CANCELLED AT 2026 DUE TO TIME LIMIT ***\n"
    (logs / "19.log").write_text("    output: c.parquet\n" + timeout, encoding="utf-8")
    assert slurm.reasons("logs", since=0) == [
        "results/e/attacks/a.parquet: Exceeded job memory limit (logs/rule_attack/17.log)",
        "c.parquet: DUE TO TIME LIMIT (logs/rule_attack/19.log)",
    ]
    (tmp_path / "c.parquet").touch()  # a later try has made it
    assert len(slurm.reasons("logs", since=0)) == 1
    assert slurm.reasons("logs", since=2e9) == []
