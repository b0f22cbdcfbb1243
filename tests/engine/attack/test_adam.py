"""The batched optimiser against torch.optim.Adam and its schedulers, in float64."""

import pytest
import torch

from dropleak.engine.attack import adam
from dropleak.engine.attack.adam import Adam
from dropleak.engine.attack.optimiser import Outcome


def objective(x, evaluations):
    """Rosenbrock's function, and a slow wave."""
    x = x.detach().requires_grad_()
    loss = (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2 + x[:, 1:].sin()).sum(1)
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    return loss.detach(), gradient


def torch_run(start, lr, iterations, schedule, signed, clip):
    """The iterate of torch's optimiser on one problem, with its scheduler."""
    x = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([x], lr)
    schedulers = torch.optim.lr_scheduler
    steps = schedulers.MultiStepLR(optimiser, [iterations // part for part in adam.STEPS_AT])
    plateau = schedulers.ReduceLROnPlateau(optimiser, factor=0.1, patience=adam.PATIENCE, eps=0)
    for _ in range(iterations):
        loss, gradient = objective(x[None], None)
        x.grad = gradient[0]
        x.grad[:signed].sign_()
        optimiser.step()
        if schedule == "steps":
            steps.step()
        elif schedule == "plateau":
            plateau.step(loss.item())
        if clip:
            x.data.clamp_(0, 1)
    return x.detach()


@pytest.mark.parametrize("schedule", ["none", "steps", "plateau"])
@pytest.mark.parametrize(("signed", "clip"), [(0, False), (4, True)])
def test_each_problem_agrees_with_torch(monkeypatch, schedule, signed, clip):
    monkeypatch.setattr(adam, "PATIENCE", 15)
    torch.manual_seed(0)
    start = torch.randn(5, 6, dtype=torch.float64)
    project = (lambda x: x.clamp_(0, 1)) if clip else (lambda x: None)
    optimiser = Adam(start, 0.05, 200, 20, schedule, signed, project)
    for _ in range(10):
        optimiser.step(objective)
    for row in range(5):
        expected = torch_run(start[row], 0.05, 200, schedule, signed, clip)
        torch.testing.assert_close(optimiser.x[row], expected, rtol=0, atol=1e-9)
    assert optimiser.iterations.tolist() == optimiser.evaluations.tolist() == [200] * 5
    if schedule == "plateau":
        assert len(optimiser.lr.unique()) > 1  # each problem has its own


def test_a_problem_that_is_not_finite_stops_without_disturbing_the_others():
    def broken(x, evaluations):
        loss, gradient = objective(x, evaluations)
        loss[1] = torch.where(evaluations[1] > 30, torch.nan, loss[1])
        return loss, gradient

    torch.manual_seed(0)
    start = torch.randn(3, 6, dtype=torch.float64)
    one, other = (Adam(start, 0.05, 100, 20) for _ in range(2))
    for _ in range(3):
        one.step(broken)
        other.step(objective)
    assert one.outcome[1] == Outcome.NOT_FINITE
    assert one.iterations.tolist() == [60, 31, 60]
    assert one.x.isfinite().all()
    for row in (0, 2):
        assert torch.equal(one.x[row], other.x[row])


def test_selected_problems_continue_unchanged():
    torch.manual_seed(0)
    whole = Adam(torch.randn(5, 6, dtype=torch.float64), 0.05, 100, 20, "plateau")
    whole.step(objective)
    part = whole.select(torch.tensor([4, 1]))
    whole.step(objective)
    part.step(objective)
    assert torch.equal(part.x, whole.x[[4, 1]])
