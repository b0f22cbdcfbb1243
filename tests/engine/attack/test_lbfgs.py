"""The batched optimiser against torch.optim.LBFGS, in float64.

Without a line search L-BFGS amplifies rounding: torch's own iterates from a start that differs in
the last bit move apart as well, and stop at other iterations. "The same" therefore means: within
1e-7, or within what torch does to itself, times 1,000, for as long as that is below 1e-3.
"""

import ctypes

import numpy as np
import pytest
import torch
from problems import COMPILER, GPU, clients

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.lbfgs import LBFGS
from dropleak.engine.attack.masks import SOURCES
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.attack.optimiser import Outcome
from dropleak.engine.backends import compiled
from dropleak.engine.backends.compiled.lbfgs import CompiledLBFGS
from dropleak.engine.backends.compiled.matching import CompiledMatching

PATHS = pytest.mark.parametrize(
    ("lbfgs", "device"),
    [
        (LBFGS, "cpu"),
        pytest.param(CompiledLBFGS, "cpu", marks=COMPILER),
        pytest.param(LBFGS, "cuda", marks=GPU),
    ],
)


class CalledFromC:
    """Objectives in Python for the compiled optimiser, one per row."""

    def __init__(self, objectives):
        self.objectives = objectives

    def step(self, problems, evaluations):
        def objective(context, row, evaluation, x, gradient):
            x = torch.from_numpy(np.ctypeslib.as_array(x, (problems.size,)).copy())
            loss, found = self.objectives[row](x[None], evaluations[row : row + 1])
            np.ctypeslib.as_array(gradient, (problems.size,))[:] = found[0].numpy()
            return loss.item()

        reals = ctypes.POINTER(ctypes.c_double)
        kind = ctypes.CFUNCTYPE(
            ctypes.c_double, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, reals, reals
        )
        library = compiled.find(torch.empty(0, dtype=torch.float64))
        library.lbfgs_step(ctypes.byref(problems), kind(objective), None)


def for_path(lbfgs, objective_of, rows):
    """The objectives of some rows, in the form that an optimiser takes."""
    if lbfgs is LBFGS or isinstance(objective_of(rows), CompiledMatching):
        return objective_of(rows)
    return CalledFromC([objective_of(rows[row : row + 1]) for row in range(len(rows))])


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
    settings = {"history_size": 100} | settings
    if settings.pop("line_search", False):
        settings["line_search_fn"] = "strong_wolfe"
    optimiser = torch.optim.LBFGS([x], **settings)
    counter = iter(range(10**9))

    def closure():
        count = torch.tensor([next(counter)], device=x.device)
        loss, gradient = objective(x.detach()[None], count)
        x.grad = gradient[0]
        return loss[0]

    iterates = []
    for _ in range(steps):
        optimiser.step(closure)
        iterates.append(x.detach().clone())
    return torch.stack(iterates), optimiser.state[x]


def assert_follows_torch(lbfgs, objective_of, start, steps, certain=2, **settings):
    """Compare each row, after every step, with torch on that row; returns the optimiser.

    `objective_of(rows)` gives the objective for those rows (a tensor of indices). In the `certain`
    first steps nothing can have been amplified yet.
    """
    everyone = torch.arange(len(start), device=start.device)
    objective, optimiser = for_path(lbfgs, objective_of, everyone), lbfgs(start, **settings)
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
        allowed = 1e-7 + 1000 * sensitivity
        together = allowed < 1e-2  # beyond it rounding is no longer amplified linearly
        assert (error <= allowed)[together].all(), (row, error, sensitivity)
        assert (error[:certain] < 1e-6).all()
        if (error < 1e-9).all() and state["func_evals"] == nudged_state["func_evals"]:
            assert optimiser.evaluations[row] == state["func_evals"]
            assert optimiser.iterations[row] == state["n_iter"]
    return optimiser


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


SEARCHES = pytest.mark.parametrize("line_search", [False, True], ids=["plain", "strong-wolfe"])


@PATHS
@SEARCHES
def test_ill_conditioned_quadratics(lbfgs, device, line_search):
    torch.manual_seed(0)
    scales = torch.logspace(-4, 1, 60, dtype=torch.float64) * torch.tensor([[1.0], [0.3], [0.05]])
    scales, start = scales.to(device), torch.randn(3, 60, dtype=torch.float64).to(device)
    optimiser = assert_follows_torch(
        lbfgs,
        lambda rows: batched(lambda x: (scales[rows] * x**2).sum(1)),
        start,
        steps=8,
        line_search=line_search,
    )
    assert (optimiser.iterations > 70).all()


@PATHS
@SEARCHES
@pytest.mark.parametrize("history_size", [5, 100])
def test_rosenbrock(lbfgs, device, history_size, line_search):
    torch.manual_seed(0)
    start = torch.randn(6, 10, dtype=torch.float64).to(device)
    optimiser = assert_follows_torch(
        lbfgs,
        lambda rows: batched(rosenbrock),
        start,
        steps=8,
        history_size=history_size,
        line_search=line_search,
    )
    assert (optimiser.iterations > (60 if line_search else 100)).any()


def wavy(x):
    """Steep, flat and non-convex along most lines, so that line searches go through every case."""
    return ((x.abs() + 1e-3).log() + 0.3 * (8 * x).sin() + 0.01 * x**4).sum(1)


@PATHS
@pytest.mark.parametrize("lr", [1e-3, 1.0, 50.0])
def test_line_searches_that_grow_shrink_and_hesitate(lbfgs, device, lr):
    torch.manual_seed(0)
    start = (3 * torch.randn(12, 4, dtype=torch.float64)).to(device)
    optimiser = assert_follows_torch(
        lbfgs, lambda rows: batched(wavy), start, steps=4, certain=1, lr=lr, line_search=True
    )
    assert (optimiser.evaluations > 1.5 * optimiser.iterations).any()


@PATHS
def test_a_line_search_steps_back_from_values_that_are_not_finite(lbfgs, device):
    """torch's own line search continues with nan."""

    def barrier(x):
        return (x - (1 - x).log()).sum(1)  # nan beyond 1

    start = torch.full((1, 3), -5.0, dtype=torch.float64, device=device)
    optimiser = lbfgs(start, lr=100.0, line_search=True)
    objective = for_path(lbfgs, lambda rows: batched(barrier), torch.arange(1))
    for _ in range(3):
        optimiser.step(objective)
    assert optimiser.outcome[0] != Outcome.NOT_FINITE
    assert optimiser.loss[0] < barrier(start)[0]


@PATHS
@pytest.mark.parametrize(
    ("policy", "rate", "line_search"),
    [
        ("ignore", 0.0, False),
        ("fixed", 0.3, False),
        ("resample", 0.3, False),
        ("ignore", 0.0, True),
        ("read", 0.5, True),
    ],
)
def test_gradient_matching(digits, lbfgs, device, policy, rate, line_search):
    update, private, keys = clients(digits, [0, 1, 2], rate, device=device)
    torch.manual_seed(0)
    start = torch.rand(3, 1024, dtype=torch.float64).to(device)
    kind = GradientMatching if lbfgs is LBFGS else CompiledMatching
    source = SOURCES[policy](update, keys.to(device))
    matching = kind(update, Attacker(masks=policy), private.labels.to(device), source)
    certain = 2 if policy in ("ignore", "fixed") else 1  # with other masks errors grow faster
    optimiser = assert_follows_torch(
        lbfgs, matching.select, start, 6, certain, line_search=line_search
    )
    assert (optimiser.iterations > 80).any()


@PATHS
def test_members_that_stop_early_do_not_disturb_their_neighbours(lbfgs, device):
    torch.manual_seed(0)
    start = torch.randn(4, 10, dtype=torch.float64).to(device)
    start[1] = 1.0  # the minimum: stationary at once
    start[2] = 1.0 + 1e-4  # reached within a step
    optimiser = assert_follows_torch(lbfgs, lambda rows: batched(rosenbrock), start, steps=6)
    assert optimiser.idle[1]
    assert optimiser.outcome[1] == Outcome.STATIONARY
    assert optimiser.iterations[1] == 0
    assert 0 < optimiser.iterations[2] < optimiser.iterations[0]


@PATHS
def test_pairs_without_positive_curvature_are_left_out(lbfgs, device):
    torch.manual_seed(0)
    start = torch.randn(4, 6, dtype=torch.float64) * torch.tensor([[0.01], [0.1], [1.0], [2.0]])
    start = start.to(device)
    optimiser = assert_follows_torch(
        lbfgs, lambda rows: batched(lambda x: (x**4 / 8 - x**2).sum(1)), start, steps=3, lr=0.3
    )
    skipped = optimiser.iterations - 1 - optimiser._pairs
    assert skipped[0] > 0


@PATHS
def test_without_a_direction_a_line_search_does_not_move(lbfgs, device):
    def steep(x, evaluations):
        return (x**2).sum(1), 1e200 * x

    start = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64, device=device)
    optimiser = lbfgs(start, line_search=True)
    optimiser.step(for_path(lbfgs, lambda rows: steep, torch.arange(2)))
    assert (optimiser.outcome == Outcome.NOT_FINITE).all()
    assert torch.equal(optimiser.x, start)


@PATHS
def test_members_that_become_non_finite_do_not_disturb_their_neighbours(lbfgs, device):
    def barrier(x):  # nan where a step leaves the domain
        return (x**1.5 - x).sum(1)

    torch.manual_seed(0)
    start = 0.4 + 0.2 * torch.rand(4, 5, dtype=torch.float64).to(device)
    start[2] = 60.0
    everywhere, optimiser = batched(barrier), lbfgs(start)
    objective = for_path(lbfgs, lambda rows: everywhere, torch.arange(4))
    for _ in range(3):
        optimiser.step(objective)
    expected, _ = torch_run(everywhere, start[2], 3)
    assert expected.isnan().all()
    assert optimiser.outcome[2] == Outcome.NOT_FINITE
    assert optimiser.x.isfinite().all()
    evaluations = optimiser.evaluations[2].clone()
    optimiser.step(objective)
    assert optimiser.evaluations[2] == evaluations
    others = torch.tensor([0, 1, 3])
    alone = assert_follows_torch(lbfgs, lambda rows: everywhere, start[others], steps=4)
    torch.testing.assert_close(optimiser.x[others], alone.x, rtol=0, atol=1e-12)


@PATHS
def test_an_overflowing_step_leaves_the_last_finite_iterate(lbfgs, device):
    start = torch.tensor([[3.0], [1.0]], dtype=torch.float64, device=device)
    square = batched(lambda x: (x**2).sum(1))
    optimiser = lbfgs(start, lr=1e200)
    optimiser.step(for_path(lbfgs, lambda rows: square, torch.arange(2)))
    assert (optimiser.outcome == Outcome.NOT_FINITE).all()
    assert optimiser.x.isfinite().all()


@PATHS
def test_selected_problems_continue_unchanged(lbfgs, device):
    torch.manual_seed(0)
    start = torch.randn(5, 8, dtype=torch.float64).to(device)
    objective = for_path(lbfgs, lambda rows: batched(rosenbrock), torch.arange(5))
    keep = torch.tensor([4, 1], device=device)
    whole = lbfgs(start, history_size=4)
    for _ in range(2):
        whole.step(objective)
    part = whole.select(keep)
    for _ in range(2):
        whole.step(objective)
        part.step(objective)
    torch.testing.assert_close(part.x, whole.x[keep], rtol=0, atol=1e-10)
