"""The accuracy of a network that has learnt nothing."""

import numpy as np
import pytest

from dropleak.analysis.chance import Chance


def test_chance_is_the_share_of_the_largest_class():
    assert Chance.of(np.repeat([0, 1, 2], [50, 30, 20])).level == 0.5
    assert Chance.of(np.arange(10).repeat(7)).level == pytest.approx(0.1)
    assert Chance.of(np.array([4, 4, 4])) == Chance(1.0, 1.0, 1.0, 3)


@pytest.mark.parametrize("counts", [(6, 6), (300, 100), (1000,) * 10, (1, 1)])
def test_the_interval_covers_guessing_95_times_out_of_100(counts):
    """By simulation: each answer is right with the probability of the largest class."""
    chance = Chance.of(np.repeat(np.arange(len(counts)), counts))
    rng = np.random.default_rng(0)
    accuracies = rng.binomial(sum(counts), max(counts) / sum(counts), 20_000) / sum(counts)
    within = (chance.low <= accuracies) & (accuracies <= chance.high)
    assert within.mean() >= 0.95 - 0.005
    if sum(counts) > 100:
        assert within.mean() <= 0.965


@pytest.mark.parametrize(("accuracy", "explained"), [(0.1, True), (0.5, True), (0.56, False)])
def test_chance_explains_accuracies_within_the_interval_or_below(accuracy, explained):
    assert Chance(0.5, 0.45, 0.55, 400).explains(accuracy) == explained


def test_on_few_images_even_a_perfect_accuracy_may_be_luck():
    assert Chance.of(np.array([0, 1])).explains(1.0)
    assert not Chance.of(np.array([0, 1] * 4)).explains(1.0)
