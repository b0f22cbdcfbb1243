"""A stopped attack resumes as if it had not been stopped."""

import os
import signal

import numpy as np
import pytest
from fake_gpu import FAKE_GPU
from problems import COMPILER

from dropleak.engine.backends import compiled
from dropleak.errors import StoppedError
from dropleak.jobs import attack as attack_jobs
from dropleak.planning import identity
from dropleak.planning.validation import complete

TIMES = ["seconds"]


def attack(images, path, preset, progress=lambda iteration: None, iterations=80, device="cpu"):
    config = complete(
        {
            "experiment": "test",
            "attackers": ["mine"],
            "presets": {"attackers": {"mine": preset}},
            "attack": {"iterations": iterations, "precision": "float64"},
        }
    )
    return attack_jobs.attack_job(
        images,
        identity.of_attack(config, identity.of_images(config), "lenet", "mine"),
        names=("lenet", "mine"),
        rate=0.4,
        device=device,
        path=path,
        progress=progress,
        candidates=lambda: [images],
    )


def terminate_at(iteration):
    """For `progress`: sends SIGTERM to this process at an iteration."""

    def progress(done):
        if done == iteration:
            os.kill(os.getpid(), signal.SIGTERM)

    return progress


@pytest.mark.parametrize("engine", [pytest.param("compiled", marks=COMPILER), "torch"])
@pytest.mark.parametrize(
    "preset",
    [
        {},
        {
            "masks": "separate",
            "labels": "optimise",
            "line_search": "strong-wolfe",
            "features": 1.0,
            "total_variation": 0.1,
            "stages": 2,
        },
        {"masks": "ignore", "restarts": 2},
        {
            "masks": "optimise",
            "optimiser": "signed-adam",
            "distance": "cosine",
            "schedule": "plateau",
            "clip": True,
            "learning_rate": 0.1,
        },
        {"masks": "ignore", "optimiser": "adam", "learning_rate": 0.5, "patience": 20},
    ],
    ids=str,
)
def test_a_stopped_and_resumed_attack_has_the_same_result(
    digits, tmp_path, monkeypatch, engine, preset
):
    if engine == "torch":
        monkeypatch.setattr(compiled, "find", lambda like: None)
    assert_resumes(digits["test"].take([4, 17, 30]), tmp_path / "a.safetensors", preset=preset)


def test_an_attack_on_a_gpu_resumes(digits, tmp_path):
    path, preset = tmp_path / "a.safetensors", {"masks": "ignore", "restarts": 2}
    assert_resumes(digits["test"].take([4]), path, preset=preset, device=FAKE_GPU)


def assert_resumes(images, path, **settings):
    """Stopping twice does not change the result."""
    undisturbed = attack(images, path, **settings)
    assert not path.exists()
    for iteration in (0, 40):
        with pytest.raises(
            StoppedError, match=f"after {iteration + 20} iterations; they are saved"
        ):
            attack(images, path, progress=terminate_at(iteration), **settings)
    seen = []
    resumed = attack(images, path, progress=seen.append, **settings)
    assert seen == [60, 80]
    assert resumed.drop_columns(TIMES).equals(undisturbed.drop_columns(TIMES))
    assert np.min(resumed["seconds"]) > 0


def test_a_state_of_another_job_is_not_used(digits, tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(StoppedError):
        attack(digits["test"].take([4]), path, {}, terminate_at(20))
    for images, preset, iterations in (
        ([5], {}, 80),
        ([4], {"masks": "ignore"}, 80),
        ([4], {}, 60),
    ):
        seen = []
        attack(digits["test"].take(images), path, preset, seen.append, iterations)
        assert seen[0] == 0


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", None])
def test_a_damaged_state_is_not_used(digits, tmp_path, capsys, content):
    path = tmp_path / "a.safetensors"
    with pytest.raises(StoppedError):
        attack(digits["test"].take([4]), path, {}, terminate_at(20))
    path.write_bytes(path.read_bytes()[:-8] if content is None else content)
    seen = []
    attack(digits["test"].take([4]), path, {}, seen.append)
    assert seen[0] == 0
    assert "a.safetensors: cannot be used" in capsys.readouterr().out


def test_signal_handlers_are_restored_when_the_attack_has_ended(digits, tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    attack(digits["test"].take([4]), tmp_path / "a", {}, iterations=20)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
