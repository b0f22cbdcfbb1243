"""Total variation whose weight falls from stage to stage."""

import math
from dataclasses import replace

import pytest
import torch
from problems import COMPILER, clients

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.priors import total_variation
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_row
from dropleak.engine.backends import compiled

ATTACKER = Attacker(
    masks="separate",
    start="grey",
    line_search="strong-wolfe",
    total_variation=0.1,
    total_variation_smoothing=0.02,
    stages=3,
)


def test_the_weight_falls_to_a_tenth_from_stage_to_stage(digits):
    update, _, keys = clients(digits, [0, 5], 0.3, images=2)
    objective = objective_for(update, ATTACKER, keys)
    x, counts = start_row(objective, keys), torch.zeros(1, dtype=torch.int64)
    distance, _ = objective.match(x, counts)
    variation, _ = total_variation(objective.variables.split(x)[0], 0.02)
    for stage, weight in enumerate([0.1, 0.01, 0.001]):
        value, _ = objective.at_stage(torch.tensor([stage]))(x, counts)
        torch.testing.assert_close(value - distance, weight * variation, rtol=1e-6, atol=1e-15)


@COMPILER
def test_c_and_torch_take_the_same_path_through_the_stages(digits, monkeypatch):
    update, _, keys = clients(digits, [0, 5, 9, 2], 0.3, images=2)

    def attack():
        seen = []
        reconstruct(update, ATTACKER, keys, 60, lambda *progress: seen.append(progress))
        return seen

    in_c = attack()
    monkeypatch.setattr(compiled, "find", lambda like: None)
    for (_, *found), (_, *expected) in zip(in_c, attack(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


SMOOTH = replace(ATTACKER, total_variation=1000.0, total_variation_smoothing=1.0)


def losses_at_rest(digits, attacker):
    """Every 20 iterations of an attack that is soon at rest in each stage; and its iterations."""
    update, _, keys = clients(digits, [0], 0.3)
    losses = []
    found = reconstruct(update, attacker, keys, 1200, lambda i, x, loss: losses.append(loss.item()))
    return losses, found.iterations.item()


def test_an_attack_at_rest_waits_for_the_next_stage(digits):
    losses, iterations = losses_at_rest(digits, SMOOTH)
    assert iterations < 1200
    first, second, third = losses[19], losses[39], losses[-1]
    assert losses[18] == first  # at rest
    assert second < first / 5
    assert third < second / 5


def test_with_early_stopping_an_attack_at_rest_goes_on_at_once(digits):
    waiting, most = losses_at_rest(digits, SMOOTH)
    losses, iterations = losses_at_rest(digits, replace(SMOOTH, patience=10_000))
    assert any(loss < waiting[19] / 5 for loss in losses[:19])
    assert losses[-1] == pytest.approx(waiting[-1])
    assert iterations <= most


def adam_in_stages(objective, start, iterations):
    """The best iterate [1, N] of one client in its last stage, its loss, and the iterations."""
    attacker, x = objective.attacker, start.clone().requires_grad_()
    optimiser = torch.optim.Adam([x], attacker.learning_rate)
    stage = next_stage = 0
    best, lowest, since = x, math.inf, 0
    for iteration in range(iterations + 1):
        if iteration % 20 == 0:
            due = min(attacker.stages * iteration // iterations, attacker.stages - 1)
            if max(due, next_stage) > stage:
                stage, lowest, since = max(due, next_stage), math.inf, iteration
        at_stage = objective.at_stage(torch.tensor([stage]))
        loss, x.grad = at_stage(x.detach(), torch.zeros(1, dtype=torch.int64))
        if iteration % 20 == 0:
            if loss < lowest:
                best, lowest, since = x.detach().clone(), loss.item(), iteration
            if iteration - since >= attacker.patience:
                if stage == attacker.stages - 1:
                    break
                next_stage = stage + 1
        optimiser.step()
    return best, lowest, min(iteration + 20, iterations)


def test_patience_counts_in_each_stage_alone(digits):
    update, _, keys = clients(digits, [30, 4], 0.3)
    adam = replace(
        ATTACKER, masks="read", optimiser="adam", line_search="none", learning_rate=0.5, patience=20
    )
    found = reconstruct(update, adam, keys, 320, lambda *progress: None)
    objective = objective_for(update, adam, keys)
    start = start_row(objective, keys)
    for row in range(2):
        one = objective.select(torch.tensor([row]))
        best, lowest, iterations = adam_in_stages(one, start[[row]], 320)
        assert found.iterations[row] == iterations
        torch.testing.assert_close(found.images[row].flatten(), best[0], rtol=0, atol=1e-6)
        torch.testing.assert_close(found.loss[row].item(), lowest, rtol=1e-6, atol=0)
    assert len(set(found.iterations.tolist())) > 1  # at one time in different stages


def test_grey_starts_are_near_grey_and_differ(digits):
    update, _, keys = clients(digits, [0, 5], 0.3)
    start = start_row(objective_for(update, ATTACKER, keys), keys)
    assert ((start - 0.5).abs() < 0.06).all()
    assert not torch.equal(start[0], start[1])
