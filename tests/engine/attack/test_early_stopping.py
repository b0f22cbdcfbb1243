"""Early stopping, against a loop over torch.optim.Adam in float64."""

import math

import pytest
import torch
from problems import COMPILER, by_autograd, clients

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_row
from dropleak.engine.attack.reconstruction import Status
from dropleak.engine.backends import compiled

IMAGES = [17, 30]


def attack(digits, attacker, iterations, images=IMAGES):
    """The reconstruction, and the losses that were observed, [observations, B]."""
    update, _, keys = clients(digits, images, 0.0)
    losses = []
    found = reconstruct(
        update, attacker, keys, iterations, lambda _, images, loss: losses.append(loss)
    )
    return found, torch.stack(losses)


def adam_with_early_stopping(objective, start, iterations):
    """The best iterate of one client [1, N], its loss, the iterations done and why it ended."""
    attacker, x = objective.attacker, start.clone().requires_grad_()
    optimiser = torch.optim.Adam([x], attacker.learning_rate)
    best, lowest, since, status = x, math.inf, 0, Status.EXHAUSTED
    for iteration in range(iterations + 1):
        loss, x.grad = by_autograd(objective, x.detach(), objective.masks.masks)
        if iteration % 20 == 0:
            if loss < lowest:
                best, lowest, since = x.detach().clone(), loss.item(), iteration
            if lowest < attacker.target_loss or iteration - since >= (attacker.patience or 1e9):
                status = Status.STOPPED
                break
        optimiser.step()
    # It is noticed at the end of the step that begins there.
    return best, lowest, min(iteration + 20, iterations), status


@pytest.mark.parametrize("settings", [{"patience": 40}, {"target_loss": 30.0}], ids=str)
def test_attacks_end_where_such_a_loop_does_with_its_best_iterate(digits, settings):
    attacker = Attacker(masks="ignore", optimiser="adam", learning_rate=0.5, **settings)
    update, _, keys = clients(digits, IMAGES, 0.0)
    found, _ = attack(digits, attacker, 120)
    objective = objective_for(update, attacker, keys)
    start = start_row(objective, keys)
    for row in range(len(IMAGES)):
        one = objective.select(torch.tensor([row]))
        best, lowest, iterations, status = adam_with_early_stopping(one, start[[row]], 120)
        assert (found.status[row], found.iterations[row]) == (status, iterations)
        torch.testing.assert_close(found.images[row].flatten(), best[0], rtol=0, atol=1e-6)
        assert found.loss[row].item() == pytest.approx(lowest, rel=1e-6)
    assert set(found.status) == {Status.STOPPED, Status.EXHAUSTED}


@pytest.mark.parametrize("engine", [pytest.param("compiled", marks=COMPILER), "torch"])
def test_lbfgs_stops_early_too(digits, monkeypatch, engine):
    if engine == "torch":
        monkeypatch.setattr(compiled, "find", lambda like: None)
    whole, losses = attack(digits, Attacker(masks="ignore"), 200, [4])
    target = losses[5].item() * 1.001
    stopped, seen = attack(digits, Attacker(masks="ignore", target_loss=target), 200, [4])
    assert stopped.status == (Status.STOPPED,)
    assert stopped.loss == losses[5] == seen[-1] < losses[:5].min()
    assert stopped.iterations == 120  # noticed at the end of the step that begins there
    assert stopped.evaluations < whole.evaluations


def test_what_is_kept_is_what_the_observer_saw_last(digits):
    attacker = Attacker(masks="ignore", optimiser="adam", learning_rate=0.5, patience=60)
    found, losses = attack(digits, attacker, 200)
    assert torch.equal(found.loss, losses.min(0).values)
    assert torch.equal(found.loss, losses[-1])


def test_an_attack_that_overflows_keeps_its_best_iterate(digits):
    attacker = Attacker(masks="ignore", learning_rate=10.0, patience=200)
    found, losses = attack(digits, attacker, 200)
    assert Status.DIVERGED in found.status
    assert torch.equal(found.loss, losses.nan_to_num(nan=torch.inf).min(0).values)


def test_an_attack_whose_first_loss_is_not_finite_has_diverged(digits):
    update, _, keys = clients(digits, IMAGES[:1], 0.0)
    update.gradients["conv2.weight"][0, 0] = torch.nan
    attacker = Attacker(masks="ignore", optimiser="adam", patience=20)
    found = reconstruct(update, attacker, keys, 40, lambda *progress: None)
    assert found.status == (Status.DIVERGED,)
    assert found.images.isfinite().all()
