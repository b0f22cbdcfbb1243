"""Limits of jobs grow with their work, and cover what was measured."""

from dropleak.planning import resources


def test_a_measured_attack_job_fits():
    """250 photographs, 5,800 iterations, without dropout: 322 s and 2 GB on one core."""
    megabytes, minutes = resources.attack(250, 3072, 5800, "float32", ["lenet"], 1)
    assert 2000 < megabytes < 8000
    assert 2 * 322 / 60 < minutes < 120


def test_limits_of_attacks_grow_with_their_work():
    base = resources.attack(100, 3072, 1000, "float32", ["lenet"], 1)
    assert resources.attack(200, 3072, 1000, "float32", ["lenet"], 1) > base
    assert resources.attack(100, 3072, 1000, "float64", ["lenet"], 1)[0] > base[0]
    assert resources.attack(100, 3072, 9000, "float32", ["lenet"], 1)[1] > base[1]
    assert resources.attack(100, 4 * 3072, 1000, "float32", ["lenet"], 1)[1] > base[1]
    assert resources.attack(100, 3072, 1000, "float32", ["lenet", "relu-convnet"], 1)[1] > base[1]
    assert resources.attack(100, 3072, 1000, "float32", ["lenet"], 4) > base


def test_limits_of_trainings_grow_with_their_work():
    base = resources.training(50_000, 3072, 64, 30)
    assert resources.training(50_000, 3072, 64, 90)[1] > base[1]
    assert resources.training(50_000, 3072, 16, 30)[1] > base[1]
    assert resources.training(90_000, 3072, 64, 30) > base
