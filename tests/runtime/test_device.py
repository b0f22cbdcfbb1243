"""Jobs on the same machine take a GPU each."""

import multiprocessing
import tempfile
import threading

import pytest

from dropleak.engine import folders
from dropleak.errors import InputError
from dropleak.runtime import device


@pytest.fixture(autouse=True)
def separate_locks(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(device, "_held", [])


def job(folder, gpus, taken, end):
    tempfile.tempdir = folder
    taken.put(device.take_one(gpus, pause=0.05))
    end.wait()


@pytest.fixture
def start(tmp_path):
    """Start a job that takes a GPU; returns the queue with its GPU, the event that ends it, and
    its process."""
    context = multiprocessing.get_context("fork")
    started = []

    def start_one(gpus):
        taken, end = context.Queue(), context.Event()
        process = context.Process(target=job, args=(str(tmp_path), gpus, taken, end), daemon=True)
        process.start()
        started.append(process)
        return taken, end, process

    yield start_one
    for process in started:
        process.kill()
        process.join()


def test_each_job_takes_its_own_gpu_and_waits_if_all_are_taken(start, capfd):
    first, second = start(["a", "b"]), start(["a", "b"])
    assert {first[0].get(timeout=10), second[0].get(timeout=10)} == {0, 1}
    third = start(["a", "b"])
    threading.Event().wait(0.3)
    assert third[0].empty()
    first[2].kill()  # even a killed job gives its GPU back
    assert third[0].get(timeout=10) in (0, 1)
    assert capfd.readouterr().out.count("waiting for one") == 1


def test_an_unsafe_folder_for_locks_is_an_error():
    folders.temporary().chmod(0o777)
    with pytest.raises(InputError, match="others may write to it; set TMPDIR"):
        device.take_one(["a"])


def test_a_job_without_a_gpu_runs_on_the_cpu():
    assert device.choose(gpu=False) == "cpu"
    assert device.name("cpu") == "cpu"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"gpu": 1}, True),
        ({"gpu": 0}, False),
        ({"gpu": 0, "gres": "gpu:a100:1"}, True),
        ({"gpu": 0, "gres": "lscratch:10"}, False),
    ],
)
def test_a_gpu_can_be_given_as_either_resource(resources, expected):
    assert device.requested(resources) == expected
