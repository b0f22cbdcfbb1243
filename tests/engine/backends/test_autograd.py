"""Automatic differentiation of any module gives what other code gives, and slower code."""

from dataclasses import replace
from functools import cache

import modules
import pytest
import torch
from problems import COMPILER, assert_close_to_autograd, clients
from torch import Tensor
from torch.nn import functional as F

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.distances import DISTANCES, Distance
from dropleak.engine.attack.lbfgs import LBFGS
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_row
from dropleak.engine.attack.restarts import reconstruct_best
from dropleak.engine.backends.autograd import derivatives, factored, matching
from dropleak.engine.backends.autograd.factored import FactoredAutograd
from dropleak.engine.backends.autograd.low_rank import LowRank
from dropleak.engine.backends.autograd.matching import AutogradMatching
from dropleak.engine.backends.choice import choose
from dropleak.engine.backends.compiled.lbfgs import CompiledLBFGS
from dropleak.engine.backends.compiled.matching import CompiledMatching
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.zoo import lenet

SHAPE = (1, 32, 32)

ATTACKERS = {
    "resample": Attacker(),
    "fixed": Attacker(masks="fixed"),
    "read": Attacker(masks="read"),
    "cosine": Attacker(masks="fixed", distance="cosine"),
    "everything": Attacker(
        masks="optimise", labels="optimise", distance="cosine", optimiser="adam"
    ),
}

OBJECTIVES = ATTACKERS | {
    "normalised": Attacker(masks="fixed", normalise=True),
    "normalised-cosine": Attacker(masks="fixed", distance="cosine", normalise=True),
}


@cache
def network(name, **options):
    """One of the modules as a network."""
    torch.manual_seed(0)
    return ModuleNetwork(getattr(modules, name)(), SHAPE, 10, **options)


MODULES = {
    "convnet": lambda: network("ConvNet"),
    "batch": lambda: network("ConvNet", batch_norm="batch"),
    "transformer": lambda: network("transformer"),
    "mlp": lambda: network("mlp"),
    "unusual": lambda: network("Unusual"),
}


@pytest.mark.parametrize("attacker", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_value_and_gradient_are_those_of_one_client_at_a_time(digits, module, attacker, images):
    indices = list(range(2 * images))
    update, _, keys = clients(digits, indices, 0.3, network=module(), images=images)
    objective = objective_for(update, attacker, keys)
    assert type(objective) is AutogradMatching
    assert_close_to_autograd(objective, keys, 1e-10)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_it_does_not_matter_how_many_clients_are_differentiated_together(
    digits, monkeypatch, distance
):
    update, _, keys = clients(digits, [4, 17, 8], 0.3, network=network("ConvNet"))
    attacker = Attacker(masks="optimise", labels="optimise", distance=distance, optimiser="adam")
    counts = torch.zeros(3, dtype=torch.int64)
    together = objective_for(update, attacker, keys)
    x = start_row(together, keys)
    expected = together(x, counts)
    monkeypatch.setitem(matching.MOST, "cpu", 2)
    found = objective_for(update, attacker, keys)(x, counts)
    monkeypatch.setitem(matching.ROOM, "cpu", 1)
    alone = objective_for(update, attacker, keys)(x, counts)
    for one, other, all_three in zip(alone, found, expected, strict=True):
        torch.testing.assert_close(one, all_three)
        torch.testing.assert_close(other, all_three)


@pytest.mark.parametrize("index", [torch.tensor([2, 0]), torch.tensor([True, False, True])])
def test_what_was_shared_is_factored_once(digits, monkeypatch, index):
    update, _, keys = clients(digits, [4, 17, 8], 0.3, network=network("mlp"))
    attacker = Attacker(masks="fixed", distance="cosine", total_variation=0.1, stages=2)
    objective, counts = objective_for(update, attacker, keys), torch.zeros(3, dtype=torch.int64)
    x = start_row(objective, keys)
    stage = torch.ones(3, dtype=torch.int64)
    fresh = AutogradMatching(update, attacker, objective.labels, objective.masks, stage)
    expected = fresh.select(index)(x[index], counts[index])
    objective(x, counts)
    monkeypatch.setattr(FactoredAutograd, "split", None)
    found = objective.at_stage(stage).select(index)(x[index], counts[index])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("together", [1, 2])
def test_second_derivatives_are_of_a_few_clients_at_a_time(digits, monkeypatch, together):
    update, private, _ = clients(digits, [4, 17, 8], 0.3, network=network("mlp"))
    point = private.images, private.masks, F.one_hot(private.labels, 10).double()

    def found():
        autograd = derivatives.ClientAutograd(update.network, update.parameters)
        direction = autograd.gradients(*point)
        features = autograd.features()
        image = autograd.image_gradient(direction, features)
        return [direction, features, image, autograd.target_gradient(), *autograd.mask_gradients()]

    expected, most = found(), []
    forward = derivatives.ClientAutograd._gradients
    monkeypatch.setattr(derivatives, "_TOGETHER", together)
    monkeypatch.setattr(
        derivatives.ClientAutograd,
        "_gradients",
        lambda self, some, images, *rest: (
            most.append(len(images)) or forward(self, some, images, *rest)
        ),
    )
    for one, other in zip(found(), expected, strict=True):
        torch.testing.assert_close(one, other)
    assert max(most) == together


def test_features_are_matched_as_in_lenet(twins, monkeypatch):
    update, written, keys = twins
    attacker = Attacker(masks="separate", features=10.0, normalise=True)
    objective, other = (objective_for(each, attacker, keys) for each in (update, written))
    assert objective.masks.features.isfinite().all()
    x, counts = start_row(objective, keys), torch.zeros(2, dtype=torch.int64)
    expected = other(x, counts)
    for found, true in zip(objective(x, counts), expected, strict=True):
        torch.testing.assert_close(found, true, rtol=1e-8, atol=1e-10)
    monkeypatch.setattr(matching, "FACTORED_DISTANCES", {})
    for found, true in zip(objective(x, counts), expected, strict=True):
        torch.testing.assert_close(found, true, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("attacker", ATTACKERS.values(), ids=ATTACKERS)
def test_large_convolutions_are_not_made_into_columns(digits, monkeypatch, attacker):
    monkeypatch.setattr(factored, "CACHED", 1)
    update, _, keys = clients(digits, [4, 17, 8, 3], 0.3, network=network("ConvNet"), images=2)
    assert_close_to_autograd(objective_for(update, attacker, keys), keys, 1e-10)


def test_an_unknown_distance_is_taken_of_all_gradients(digits, monkeypatch):
    update, _, keys = clients(digits, [4, 17], 0.3, network=network("ConvNet"))
    counts = torch.zeros(2, dtype=torch.int64)

    def compute(dummy, shared):
        return tuple(3 * part for part in DISTANCES["euclidean"].compute(dummy, shared))

    monkeypatch.setitem(DISTANCES, "another", Distance(compute, "", ""))
    known, other = (
        objective_for(update, Attacker(masks="fixed", distance=distance), keys)
        for distance in ("euclidean", "another")
    )
    x = start_row(known, keys)
    for found, expected in zip(other(x, counts), known(x, counts), strict=True):
        torch.testing.assert_close(found, 3 * expected)


def test_gradients_of_weights_are_products_wherever_they_can_be():
    found = network("Unusual")
    autograd = FactoredAutograd(found, found.initial_parameters(torch.zeros(1)), images=1)
    names = {"grouped", "twice", "last", "attention.out_proj"}
    assert set(autograd.weights) <= {f"{name}.weight" for name in names}
    assert {"grouped.weight", "twice.weight", "last.weight"} <= set(autograd.weights)


def test_shared_gradients_are_products_unless_a_defence_has_changed_them(digits):
    update, _, _ = clients(digits, [4, 17], 0.3, network=network("mlp"))
    autograd = FactoredAutograd(update.network, update.parameters, images=1)
    *_, last = update.gradients
    noisy = update.gradients[last] + 1e-6 * torch.randn_like(update.gradients[last])
    for gradients, kind in (
        (update.gradients, LowRank),
        ({**update.gradients, last: noisy}, Tensor),
    ):
        shared = autograd.split(gradients, slice(None))
        assert shared.kinds == (2, LowRank, kind)


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_clients_share_the_gradients_of_their_own_loss(digits, module, images):
    indices = list(range(2 * images))
    update, private, _ = clients(digits, indices, 0.4, network=module(), images=images)
    assert all(len(parameter) == 1 for parameter in update.parameters.values())
    for client in range(2):
        own = {name: p[0].clone().requires_grad_() for name, p in update.parameters.items()}
        masks = [mask[client] for mask in private.masks]
        logits = update.network.forward(own, private.images[client], masks)
        loss = F.cross_entropy(logits, private.labels[client])
        for name, expected in zip(own, torch.autograd.grad(loss, list(own.values())), strict=True):
            torch.testing.assert_close(update.gradients[name][client], expected)


def as_written(update):
    """What clients of lenet as a module shared, as if it were the built-in one."""
    written = lenet(SHAPE, 10)

    def renamed(tensors):
        return dict(zip(written.parameter_shapes(), tensors.values(), strict=True))

    return replace(
        update,
        network=written,
        parameters=renamed(update.parameters),
        gradients=renamed(update.gradients),
    )


@pytest.fixture(scope="module")
def twins(digits):
    """Clients of lenet as a module, the same as built in, and their attackers' keys."""
    torch.manual_seed(0)
    module = modules.lenet()
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, -0.5, 0.5)
    lenet_module = ModuleNetwork(module, SHAPE, 10)
    update, _, keys = clients(digits, [4, 17, 8, 3], 0.3, network=lenet_module, images=2)
    return update, as_written(update), keys


@pytest.mark.parametrize(
    "other_matching", [GradientMatching, pytest.param(CompiledMatching, marks=COMPILER)]
)
@pytest.mark.parametrize("attacker", OBJECTIVES.values(), ids=OBJECTIVES)
def test_lenet_as_a_module_has_the_objective_of_lenet(twins, other_matching, attacker):
    update, written, keys = twins
    objective, other = (objective_for(each, attacker, keys) for each in (update, written))
    other = other_matching(written, attacker, other.labels, other.masks)
    x, counts = start_row(objective, keys), torch.tensor([0, 3])
    value, gradient = objective(x, counts)
    expected, slope = other(x, counts)
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)
    torch.testing.assert_close(
        gradient / slope.abs().max(), slope / slope.abs().max(), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize(
    "attacker",
    [
        *ATTACKERS.values(),
        Attacker(masks="ignore", line_search="strong-wolfe", total_variation=0.01),
    ],
    ids=[*ATTACKERS, "search"],
)
def test_attacks_on_lenet_as_a_module_are_those_on_lenet(twins, attacker):
    update, written, keys = twins
    found, expected = (
        reconstruct(each, attacker, keys, 40, lambda *progress: None) for each in (update, written)
    )
    assert found.status == expected.status
    assert found.claims == expected.claims
    assert torch.equal(found.labels, expected.labels)
    assert torch.equal(found.evaluations, expected.evaluations)
    torch.testing.assert_close(found.images, expected.images, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.loss, expected.loss, rtol=1e-5, atol=1e-12)


def test_attacks_on_a_module_get_somewhere_and_restarts_share_its_weights(digits):
    update, _, keys = clients(digits, [4, 17], 0.2, network=network("mlp"))
    attacker = Attacker(
        masks="read", distance="cosine", optimiser="adam", learning_rate=0.1, restarts=2
    )
    losses = []
    reconstruct_best(update, attacker, keys, 60, lambda *progress: losses.append(progress[2]))
    assert (losses[-1] < losses[0] / 2).all()


def test_the_log_says_that_a_module_is_differentiated_automatically():
    backend = choose(network("mlp"), Attacker(), torch.empty(0))
    assert (backend.objective, backend.lbfgs) == (AutogradMatching, LBFGS)
    assert "in autograd: the network is a torch module" in str(backend)
    assert choose(lenet(SHAPE, 10), Attacker(), torch.empty(0)).lbfgs in (LBFGS, CompiledLBFGS)
