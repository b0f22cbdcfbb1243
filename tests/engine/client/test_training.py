from dataclasses import replace

import modules
import pytest
import torch

from dropleak.engine.client.training import Training, initial_parameters, train
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


@pytest.mark.parametrize(("name", "bound"), [("uniform", 0.5), ("xavier", None)])
def test_initialisations(name, bound):
    parameters = initial_parameters(NETWORK, 0, name)
    weight = parameters["conv2.weight"]
    bound = bound or 4 * (6 / (300 + 300)) ** 0.5
    assert 0.98 * bound < weight.abs().max() <= bound
    assert (parameters["conv2.bias"] == 0).all() == (name == "xavier")
