"""Limits of jobs grow with their work, and cover what was measured."""

import pytest

from dropleak.planning import resources, trial
from dropleak.planning.trial import Size

LENET = Size(1.0, 0)


def test_a_measured_attack_job_fits():
    """250 photographs, 5,800 iterations, without dropout: 322 s and 2 GB on one core."""
    megabytes, minutes = resources.attack(250, 3072, 5800, "float32", [LENET], 1)
    assert 2000 < megabytes < 8000
    assert 2 * 322 / 60 < minutes < 120


@pytest.mark.parametrize(
    ("network", "seconds"), [("mlp", 0.004), ("vit", 0.04), ("resnet18", 0.16), ("convnet", 0.28)]
)
def test_measured_attacks_on_modules_fit(network, seconds):
    """Seconds of a processor per iteration and image of 3 x 32 x 32, measured with 4 images."""
    size = trial.known_size({"network": network})
    _, minutes = resources.attack(32, 3072, 1000, "float32", [size], 1)
    assert 2 < (minutes - resources.SETUP_MINUTES) / (32 * 1000 * seconds / 60) < 20


def test_limits_of_attacks_grow_with_their_work():
    base = resources.attack(100, 3072, 1000, "float32", [LENET], 1)
    assert resources.attack(200, 3072, 1000, "float32", [LENET], 1) > base
    assert resources.attack(100, 3072, 1000, "float64", [LENET], 1)[0] > base[0]
    assert resources.attack(100, 3072, 9000, "float32", [LENET], 1)[1] > base[1]
    assert resources.attack(100, 4 * 3072, 1000, "float32", [LENET], 1)[1] > base[1]
    assert resources.attack(100, 3072, 1000, "float32", [LENET, Size(2.0, 0)], 1)[1] > base[1]
    assert resources.attack(100, 3072, 1000, "float32", [LENET], 4) > base
    gradients = resources.attack(100, 3072, 1000, "float32", [LENET, Size(1.0, 10**7)], 1)[0]
    assert gradients > base[0] + 100 * 40


def test_limits_of_trainings_grow_with_their_work():
    base = resources.training(50_000, 3072, 64, 30, [LENET])
    assert resources.training(50_000, 3072, 64, 90, [LENET])[1] > base[1]
    assert resources.training(50_000, 3072, 16, 30, [LENET])[1] > base[1]
    assert resources.training(90_000, 3072, 64, 30, [LENET]) > base
    assert resources.training(50_000, 3072, 64, 30, [LENET, Size(9.0, 0)])[1] > base[1]
    assert resources.training(50_000, 3072, 64, 30, [LENET], slowdown=13)[1] > 5 * base[1]
