"""The rank of the private image among candidates."""

import numpy as np
import pytest

from dropleak.scoring import metrics
from dropleak.scoring.identification import ranks


@pytest.fixture
def candidates():
    return np.random.default_rng(0).random((40, 3, 8, 8))


def in_parts(images):
    return [part for part in (images[:7], images[7:20], images[20:]) if len(part)]


def ranks_of(own, reconstructions, candidates):
    return ranks(reconstructions, metrics.rmse(own, reconstructions), in_parts(candidates))


def test_ranks_are_positions_in_the_order_of_distances(candidates):
    noise = np.random.default_rng(1).normal(0, 1.5, (12, 3, 8, 8))
    reconstructions = metrics.clip(candidates[:12] + noise)
    distances = np.linalg.norm((candidates[:, None] - reconstructions).reshape(40, 12, -1), axis=2)
    expected = [
        int(np.argsort(column).tolist().index(i)) + 1 for i, column in enumerate(distances.T)
    ]
    found, count = ranks_of(candidates[:12], reconstructions, candidates)
    assert found.tolist() == expected
    assert count == 40
    assert 1 < max(expected) < 40


def test_an_image_that_was_recovered_is_identified(candidates):
    assert ranks_of(candidates, candidates, candidates)[0].tolist() == [1] * 40


def test_ties_count_against_the_attacker(candidates):
    """Two copies of an image cannot be told apart, and grey is as far from an image as from its
    negative."""
    twice = np.concatenate([candidates, candidates[:1]])
    assert ranks_of(candidates[:1], candidates[:1], twice)[0].tolist() == [2]
    pair = np.stack([candidates[0], 1 - candidates[0]])
    grey = np.full((1, 3, 8, 8), 0.5)
    assert ranks_of(pair[:1], grey, pair)[0].tolist() == [2]


def test_a_distance_that_is_not_a_number_identifies_nothing(candidates):
    broken = np.full((1, 3, 8, 8), np.nan)
    assert ranks_of(candidates[:1], broken, candidates)[0].tolist() == [40]
