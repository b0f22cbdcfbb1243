"""The batched optimiser against torch.optim.LBFGS, in float64.

Without a line search L-BFGS amplifies rounding: torch's own iterates from a start that differs in
the last bit move apart as well, and stop at other iterations. "The same" therefore means: within
1e-7, or within what torch does to itself, times 100.
"""

import pytest
import torch
from problems import clients

from dropleak.attack.lbfgs import LBFGS, Outcome
from dropleak.attack.objective import GradientMatching


def batched(function):
    """An objective for the batched optimiser from a function of rows [B, N] -> [B]."""

    def objective(x, evaluations):
        x = x.detach().requires_grad_()
        loss = function(x)
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        return loss.detach(), gradient

    return objective


def torch_run(objective, start, steps, **settings):
    """Iterates [steps, N] of torch's optimiser on a batch of one, and its state."""
    x = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([x], **({"history_size": 100} | settings))
    counter = iter(range(10**9))

    def closure():
        count = torch.tensor([next(counter)])
        loss, gradient = objective(x.detach()[None], count)
        x.grad = gradient[0]
        return loss[0]

    iterates = []
    for _ in range(steps):
        optimiser.step(closure)
        iterates.append(x.detach().clone())
    return torch.stack(iterates), optimiser.state[x]


def assert_follows_torch(objective_of, start, steps, **settings):
    """Compare each row, after every step, with torch on that row; returns the optimiser.

    `objective_of(rows)` gives the objective for those rows (a tensor of indices).
    """
    everyone = torch.arange(len(start))
    objective, optimiser = objective_of(everyone), LBFGS(start, **settings)
    iterates = []
    for _ in range(steps):
        optimiser.step(objective)
        iterates.append(optimiser.x.clone())
    for row in range(len(start)):
        alone = objective_of(everyone[row : row + 1])
        expected, state = torch_run(alone, start[row], steps, **settings)
        nudged, nudged_state = torch_run(alone, start[row] * (1 + 2**-52), steps, **settings)
        sensitivity = (nudged - expected).abs().amax(1).cummax(0).values
        error = (torch.stack(iterates)[:, row] - expected).abs().amax(1)
        assert (error <= 1e-7 + 100 * sensitivity).all(), (row, error, sensitivity)
        assert (error[:2] < 1e-6).all()  # 40 iterations, before anything can be amplified
        if (error < 1e-9).all() and state["func_evals"] == nudged_state["func_evals"]:
            assert optimiser.evaluations[row] == state["func_evals"]
            assert optimiser.iterations[row] == state["n_iter"]
    return optimiser


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def test_ill_conditioned_quadratics():
    torch.manual_seed(0)
    scales = torch.logspace(-4, 1, 60, dtype=torch.float64) * torch.tensor([[1.0], [0.3], [0.05]])
    start = torch.randn(3, 60, dtype=torch.float64)
    optimiser = assert_follows_torch(
        lambda rows: batched(lambda x: (scales[rows] * x**2).sum(1)), start, steps=8
    )
    assert (optimiser.iterations > 100).all()


@pytest.mark.parametrize("history_size", [5, 100])
def test_rosenbrock(history_size):
    torch.manual_seed(0)
    start = torch.randn(6, 10, dtype=torch.float64)
    optimiser = assert_follows_torch(
        lambda rows: batched(rosenbrock), start, steps=8, history_size=history_size
    )
    assert (optimiser.iterations > 100).any()


@pytest.mark.parametrize(("policy", "rate"), [("ignore", 0.0), ("fixed", 0.3), ("resample", 0.3)])
def test_gradient_matching(digits, policy, rate):
    update, private, keys = clients(digits, [0, 1, 2], rate)
    torch.manual_seed(0)
    start = torch.rand(3, 1024, dtype=torch.float64)
    matching = GradientMatching(update, private.labels, keys, policy)
    optimiser = assert_follows_torch(matching.select, start, steps=6)
    assert (optimiser.iterations > 100).any()


def test_members_that_stop_early_do_not_disturb_their_neighbours():
    torch.manual_seed(0)
    start = torch.randn(4, 10, dtype=torch.float64)
    start[1] = 1.0  # the minimum: stationary at once
    start[2] = 1.0 + 1e-4  # reached within a step
    optimiser = assert_follows_torch(lambda rows: batched(rosenbrock), start, steps=6)
    assert optimiser.idle[1]
    assert optimiser.outcome[1] == Outcome.STATIONARY
    assert optimiser.iterations[1] == 0
    assert 0 < optimiser.iterations[2] < optimiser.iterations[0]


def test_pairs_without_positive_curvature_are_left_out():
    torch.manual_seed(0)
    start = torch.randn(4, 6, dtype=torch.float64) * torch.tensor([[0.01], [0.1], [1.0], [2.0]])
    optimiser = assert_follows_torch(
        lambda rows: batched(lambda x: (x**4 / 8 - x**2).sum(1)), start, steps=3, lr=0.3
    )
    skipped = optimiser.iterations - 1 - optimiser._pairs
    assert skipped[0] > 0


def test_members_that_become_non_finite_do_not_disturb_their_neighbours():
    def barrier(x):  # nan where a step leaves the domain
        return (x**1.5 - x).sum(1)

    torch.manual_seed(0)
    start = 0.4 + 0.2 * torch.rand(4, 5, dtype=torch.float64)
    start[2] = 60.0
    objective, optimiser = batched(barrier), LBFGS(start)
    for _ in range(3):
        optimiser.step(objective)
    expected, _ = torch_run(objective, start[2], 3)
    assert expected.isnan().all()
    assert optimiser.outcome[2] == Outcome.NOT_FINITE
    assert optimiser.x.isfinite().all()
    evaluations = optimiser.evaluations[2].clone()
    optimiser.step(objective)
    assert optimiser.evaluations[2] == evaluations
    others = torch.tensor([0, 1, 3])
    alone = assert_follows_torch(lambda rows: objective, start[others], steps=4)
    torch.testing.assert_close(optimiser.x[others], alone.x, rtol=0, atol=1e-12)


def test_an_overflowing_step_leaves_the_last_finite_iterate():
    start = torch.tensor([[3.0], [1.0]], dtype=torch.float64)
    optimiser = LBFGS(start, lr=1e200)
    optimiser.step(batched(lambda x: (x**2).sum(1)))
    assert (optimiser.outcome == Outcome.NOT_FINITE).all()
    assert optimiser.x.isfinite().all()


def test_selected_problems_go_on_as_if_nothing_had_happened():
    torch.manual_seed(0)
    start = torch.randn(5, 8, dtype=torch.float64)
    objective, keep = batched(rosenbrock), torch.tensor([4, 1])
    whole = LBFGS(start, history_size=4)
    for _ in range(2):
        whole.step(objective)
    part = whole.select(keep)
    for _ in range(2):
        whole.step(objective)
        part.step(objective)
    torch.testing.assert_close(part.x, whole.x[keep], rtol=0, atol=1e-10)
