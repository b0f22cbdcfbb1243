"""The engine against the benchmark's reference: modules, autograd and torch's own optimiser."""

import pytest
import torch
from problems import COMPILER, clients

import reference
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import reconstruct, start_images
from dropleak.engine.backends import compiled


@pytest.mark.parametrize("path", [pytest.param("compiled", marks=COMPILER), "torch"])
def test_an_attack_agrees_with_the_published_loop(digits, path, monkeypatch):
    """Over 40 iterations, before rounding can be amplified."""
    if path == "torch":
        monkeypatch.setattr(compiled, "find", lambda like: None)
    update, private, keys = clients(digits, [4], 0.0)
    found = reconstruct(update, Attacker(), keys, 40, lambda *progress: None)
    expected = reference.attack(update, private.labels[0], start_images(update, keys)[0], 40)
    torch.testing.assert_close(found.images[0, 0], expected.image, rtol=0, atol=1e-6)
    assert found.iterations.tolist() == [expected.iterations]
    assert found.evaluations.tolist() == [expected.evaluations + 1]  # the final loss
