"""Attackers that know the client's defence."""

import pytest
import torch
from problems import COMPILER, clients

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.masks import Constant
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_row
from dropleak.engine.backends.autograd.matching import AutogradMatching
from dropleak.engine.backends.choice import choose
from dropleak.engine.backends.compiled.matching import CompiledMatching
from dropleak.engine.client.update import compute_update
from dropleak.engine.defences import make
from dropleak.engine.defences.denoising import NEIGHBOURS
from dropleak.engine.models.parameters import flatten, unflatten

DEFENCES = [
    {"gaussian-noise": {"standard_deviation": 0.01}},
    {"dp-sgd": {"norm": 0.5, "multiplier": 0.1}},
    {"pruning": {"share": 0.9}},
    {"sign": {}},
    {"quantisation": {"bits": 3}},
    {"soteria": {}},
]
ADAPTIVE = Attacker(
    masks="known",
    start="grey",
    normalise=True,
    line_search="strong-wolfe",
    total_variation=0.1,
    total_variation_smoothing=0.01,
    adapts=True,
)


def attacked(digits, defence, rate=0.3, images=1, dtype=torch.float64):
    """Updates of two defended clients, what is private, and the attacker's keys."""
    indices = list(range(2 * images))
    plain, private, keys = clients(digits, indices, rate, images=images)
    own = rng.image_keys(0, torch.tensor(indices).unflatten(0, (2, images)))
    given = private.images, private.labels, own, rate, torch.empty(0, dtype=dtype)
    update, private = compute_update(plain.network, *given, defence=make(defence))
    return update, private, keys


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: next(iter(defence)))
@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize(
    "matching",
    [GradientMatching, AutogradMatching, pytest.param(CompiledMatching, marks=COMPILER)],
)
def test_the_objective_is_that_of_automatic_differentiation(digits, defence, images, matching):
    update, private, keys = attacked(digits, defence, images=images)
    if matching is CompiledMatching and update.defence.is_expected:
        pytest.skip("runs in torch")
    attacker = update.defence.adapt(ADAPTIVE, update)
    objective = matching(update, attacker, private.labels, Constant(private.masks))
    x, counts = start_row(objective, keys), torch.zeros(2, dtype=torch.int64)
    value, gradient = objective.match(x, counts)

    x = x.clone().requires_grad_()
    dummies = []
    for client in range(2):
        own = {name: p[client].requires_grad_() for name, p in update.parameters.items()}
        masks = [mask[client] for mask in private.masks]
        logits = update.network.forward(own, x[client].reshape(images, 1, 32, 32), masks)
        loss = torch.nn.functional.cross_entropy(logits, private.labels[client])
        found = torch.autograd.grad(loss, list(own.values()), create_graph=True)
        dummies.append(torch.cat([part.flatten() for part in found]))
    expected = update.defence.expected(unflatten(update.network, torch.stack(dummies)))
    distances = 0
    for name, shared in update.gradients.items():
        difference = (expected[name] - shared).flatten(1)
        if attacker.normalise:
            norm = shared.flatten(1).norm(dim=1, keepdim=True)
            difference = difference / torch.where(norm > 0, norm, 1)
        weights = update.defence.weights(update)
        if weights is not None:
            difference = difference * weights[name].flatten(1)
        distances = distances + difference.square().sum(1)
    (slope,) = torch.autograd.grad(distances.sum(), x)
    torch.testing.assert_close(value, distances.detach())
    torch.testing.assert_close(gradient, slope, rtol=1e-7, atol=1e-9 * slope.abs().max().item())


@pytest.mark.parametrize("defence", [{"dp-sgd": {"norm": 1, "multiplier": 0}}, {"sign": {}}])
@pytest.mark.parametrize("length", [0.01, 10])
def test_what_is_expected_has_the_derivatives_of_finite_differences(defence, length):
    torch.manual_seed(0)
    known = make(defence)

    def expected(*gradients):
        return tuple(known.expected(dict(zip("ab", gradients, strict=True))).values())

    gradients = [length * torch.randn(2, *shape, dtype=torch.float64) for shape in ((3,), (2, 2))]
    assert torch.autograd.gradcheck(expected, [g.requires_grad_() for g in gradients])


def test_of_one_image_clipping_is_expected_exactly(digits):
    defence = {"dp-sgd": {"norm": 0.5, "multiplier": 0}}
    (plain, *_), (clipped, *_) = (attacked(digits, given) for given in ({}, defence))
    expected = clipped.defence.expected(plain.gradients)
    torch.testing.assert_close(flatten(expected), flatten(clipped.gradients))


def test_of_large_entries_the_sign_is_expected():
    gradient = torch.tensor([[5.0, -3.0, 4.0, 0.0]])
    expected = make({"sign": {}}).expected({"a": gradient})["a"]
    torch.testing.assert_close(expected, gradient.sign(), rtol=0, atol=0.2)
    nothing = torch.zeros(1, 4)
    assert torch.equal(make({"sign": {}}).expected({"a": nothing})["a"], nothing)


@pytest.mark.parametrize("defence", [{}, {"gaussian-noise": {"standard_deviation": 0}}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_attacker_that_has_nothing_to_adapt_to_does_not(digits, defence, dtype):
    update, _, keys = attacked(digits, defence, dtype=dtype)
    results = [
        reconstruct(
            update,
            Attacker(masks="read", line_search="strong-wolfe", adapts=adapts),
            keys,
            20,
            lambda *progress: None,
        )
        for adapts in (False, True)
    ]
    assert torch.equal(results[0].images, results[1].images)
    assert torch.equal(results[0].loss, results[1].loss)


def test_the_prior_has_the_weight_of_the_posterior(digits):
    """Minus twice the logarithm of a normal likelihood times a Laplace prior of differences."""
    update, private, keys = attacked(digits, {"gaussian-noise": {"standard_deviation": 0.01}})
    attacker = Attacker(masks="known", adapts=True)
    objective = objective_for(update, attacker, keys, private.oracle_masks())
    first, second = (
        objective(x, torch.zeros(2, dtype=torch.int64))[0]
        for x in (private.images.flatten(1), torch.rand(2, 1024, dtype=torch.float64))
    )
    noise = flatten(update.gradients) - flatten(attacked(digits, {})[0].gradients)
    differences = sum(private.images.diff(dim=axis).abs().sum((1, 2, 3, 4)) for axis in (-1, -2))
    expected = noise.square().sum(1) / 0.01**2 + 2 * differences / NEIGHBOURS * 32 / 31
    torch.testing.assert_close(first, expected)
    assert (second > first).all()


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: next(iter(defence)))
def test_who_knows_of_the_defence_is_closer(digits, defence):
    update, private, keys = attacked(digits, defence, rate=0.0, dtype=torch.float32)
    settings = {**vars(ADAPTIVE), "masks": "ignore"}
    errors = []
    for adapts in (False, True):
        attacker = Attacker(**settings | {"adapts": adapts})
        images = reconstruct(update, attacker, keys, 100, lambda *progress: None).images
        errors.append((images.clamp(0, 1) - private.images).square().mean().sqrt().item())
    assert errors[1] < errors[0]


@COMPILER
def test_what_c_cannot_expect_runs_in_torch(digits):
    update, *_ = attacked(digits, {"sign": {}})
    given = update.network, ADAPTIVE, torch.empty(0)
    assert choose(*given, update.defence).name == "torch"
    assert choose(*given, update.defence).reason == "what Sign would share is not compiled"
    assert choose(*given, make({"pruning": {"share": 0.5}})).name == "C"
    assert choose(update.network, Attacker(), torch.empty(0), update.defence).name == "C"


def test_masks_that_are_read_from_defended_gradients_are_doubted(digits):
    update, _, keys = attacked(digits, {"pruning": {"share": 0.5}})
    objective = objective_for(update, Attacker(masks="read"), keys)
    assert objective.masks.claims == (("gradients are defended",),) * 2
