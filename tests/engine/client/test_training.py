from dataclasses import fields, replace

import modules
import pytest
import torch
from torch import nn

from dropleak.engine.client.batch import BatchFindings
from dropleak.engine.client.findings import ClientFindings
from dropleak.engine.client.training import Training, initial_parameters, train
from dropleak.engine.defences import make
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.zoo import lenet
from dropleak.tables import parquet

NETWORK = lenet((1, 32, 32), 10)
SETTINGS = Training(
    epochs=4, batch_size=16, optimiser="adam", learning_rate=0.003, initialisation="xavier"
)


@pytest.fixture(scope="module")
def sets(digits):
    def tensors(table):
        images = parquet.decode_pixels(table["pixels"], (1, 32, 32)) / 255
        return torch.from_numpy(images).float(), torch.tensor(table["label"].to_pylist())

    return tensors(digits["train"]), tensors(digits["test"])


def losses_of(epochs):
    """Those of the epochs after the initialisation."""
    return [epoch.train_loss for epoch in epochs if epoch.number]


def test_it_learns_digits(sets):
    epochs = list(train(NETWORK, *sets, rate=0.0, seed=0, settings=SETTINGS))
    assert [epoch.number for epoch in epochs] == [0, 1, 2, 3, 4]
    assert epochs[0].train_loss is None
    assert epochs[0].test_accuracy < 0.3
    assert epochs[-1].test_accuracy > 0.85
    assert epochs[-1].train_loss < epochs[1].train_loss / 3


def test_the_weights_after_an_epoch_are_those_of_a_shorter_training(sets):
    (images, labels), test = sets
    few = images[:64], labels[:64]
    *_, last = train(NETWORK, few, test, 0.5, 0, replace(SETTINGS, epochs=2))
    start, _, second, *_ = train(NETWORK, few, test, 0.5, 0, SETTINGS)
    for name, expected in initial_parameters(NETWORK, 0, "xavier").items():
        assert torch.equal(start.parameters[name], expected.float())
        assert torch.equal(second.parameters[name], last.parameters[name])
        assert not torch.equal(start.parameters[name], second.parameters[name])


def test_a_run_is_repeated_by_its_seed(sets):
    (images, labels), test = sets
    few = images[:64], labels[:64]

    def losses(seed):
        return losses_of(train(NETWORK, few, test, 0.5, seed, SETTINGS))

    assert losses(0) == losses(0)
    assert losses(0) != losses(1)


def test_without_dropout_it_is_ordinary_training(sets):
    """Two epochs of SGD on one batch, step by step."""
    (images, labels), test = sets
    few = images[:16], labels[:16]
    settings = Training(2, 16, "sgd", 0.1, "uniform")
    losses = losses_of(train(NETWORK, few, test, 0.0, 3, settings))
    parameters = initial_parameters(NETWORK, 3, "uniform")
    parameters = {name: p.float().requires_grad_() for name, p in parameters.items()}
    momentum = {name: torch.zeros_like(p) for name, p in parameters.items()}
    for expected in losses:
        logits = NETWORK.forward(parameters, few[0], [torch.ones(())])
        loss = torch.nn.functional.cross_entropy(logits, few[1])
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        gradients = torch.autograd.grad(loss, list(parameters.values()))
        for (name, p), gradient in zip(parameters.items(), gradients, strict=True):
            momentum[name] = 0.9 * momentum[name] + gradient
            p.data -= 0.1 * momentum[name]


def test_a_module_is_trained_from_its_own_weights_and_left_alone(sets):
    """Like the same network made of layers, if that starts from the same weights."""
    (images, labels), test = sets
    few = images[:64], labels[:64]
    module, start = modules.lenet(), initial_parameters(NETWORK, 3, "xavier")
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), start.values(), strict=True):
            parameter.copy_(value)
    network = ModuleNetwork(module, (1, 32, 32), 10)
    layers = losses_of(train(NETWORK, few, test, 0.5, 3, SETTINGS))
    for _ in range(2):
        found = losses_of(train(network, few, test, 0.5, 3, SETTINGS))
        assert found == pytest.approx(layers, rel=1e-4)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_modules_with_batch_norm_are_trained(sets, batch_norm):
    (images, labels), test = sets
    torch.manual_seed(0)
    network = ModuleNetwork(modules.ConvNet(), (1, 32, 32), 10, batch_norm=batch_norm)
    epochs = list(train(network, (images[:512], labels[:512]), test, 0.1, 0, SETTINGS))
    assert epochs[-1].test_accuracy > 0.5


def test_a_single_image_that_is_left_over_joins_a_batch(sets):
    """Of which batch norm has no statistics, here."""
    torch.manual_seed(0)
    layers = [nn.Linear(1024, 8), nn.BatchNorm1d(8), nn.Sigmoid(), nn.Linear(8, 10)]
    module = nn.Sequential(nn.Flatten(), *layers)
    network = ModuleNetwork(module, (1, 32, 32), 10, batch_norm="batch")
    (images, labels), _ = sets
    few = images[:21], labels[:21]
    settings = replace(SETTINGS, batch_size=10)
    assert len(losses_of(train(network, few, few, 0.0, 0, settings))) > 1


def test_a_module_may_have_weights_that_it_does_not_use(sets):
    module = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))
    module.register_parameter("aside", nn.Parameter(torch.ones(3)))
    network = ModuleNetwork(module, (1, 32, 32), 10)
    (images, labels), test = sets
    given = (images[:64], labels[:64]), test, 0.0, 0, SETTINGS
    *_, last = train(network, *given, make({"pruning": {"share": 0.5}}))
    assert torch.equal(last.parameters["aside"], torch.ones(3))


@pytest.mark.parametrize(("name", "bound"), [("uniform", 0.5), ("xavier", None)])
def test_initialisations(name, bound):
    parameters = initial_parameters(NETWORK, 0, name)
    weight = parameters["conv2.weight"]
    bound = bound or 4 * (6 / (300 + 300)) ** 0.5
    assert 0.98 * bound < weight.abs().max() <= bound
    assert (parameters["conv2.bias"] == 0).all() == (name == "xavier")


DEFENCES = [
    {"gaussian-noise": {"standard_deviation": 0.01}},
    {"dp-sgd": {"norm": 1, "multiplier": 0.1}},
    {"pruning": {"share": 0.9}},
    {"sign": {}},
    {"quantisation": {"bits": 4}},
    {"soteria": {}},
]


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: next(iter(defence)))
@pytest.mark.parametrize("network", [NETWORK, "module"])
def test_training_learns_with_each_defence_and_repeats(sets, defence, network):
    if network == "module":
        network = ModuleNetwork(modules.lenet(), (1, 32, 32), 10)
    (images, labels), test = sets
    few, settings = (images[:32], labels[:32]), Training(5, 16, "adam", 0.003, "xavier")

    def losses():
        return losses_of(train(network, few, test, 0.2, 1, settings, make(defence)))

    first = losses()
    assert first[-1] < first[0]
    assert first == losses()


@pytest.mark.parametrize(
    "defence", [{"pruning": {"share": 0}}, {"dp-sgd": {"norm": 1e6, "multiplier": 0}}]
)
def test_training_with_a_defence_that_does_nothing_is_ordinary_training(sets, defence):
    (images, labels), test = sets
    few = images[:64], labels[:64]
    plain, defended = (
        losses_of(train(NETWORK, few, test, 0.3, 2, SETTINGS, given))
        for given in (None, make(defence))
    )
    assert defended == pytest.approx(plain, rel=1e-4)


def test_noise_differs_from_step_to_step(sets):
    """Without the loss's own gradient, a step is noise; two of them would be twice the same."""
    (images, labels), test = sets
    few, noise = (images[:1], labels[:1]), make({"gaussian-noise": {"standard_deviation": 1e3}})
    sgd = Training(3, 1, "sgd", 1e-3, "xavier")
    losses = losses_of(train(NETWORK, few, test, 0.0, 2, sgd, noise))
    assert len(set(losses)) == 3


def test_sensitivities_of_a_batch_are_estimated(sets):
    (images, labels), _ = sets
    own = {name: p.float() for name, p in initial_parameters(NETWORK, 0, "xavier").items()}
    given = images[:16], [torch.ones(16, *NETWORK.dropout_shapes()[0])], labels[:16]
    estimated = BatchFindings.of(NETWORK, own, *given, torch.zeros(()))
    exact = ClientFindings(*(getattr(estimated, field.name) for field in fields(ClientFindings)))
    found, expected = (every.representation().sensitivity.sum(1) for every in (estimated, exact))
    assert ((found / expected - 1).square().mean().sqrt() < 0.15).all()
