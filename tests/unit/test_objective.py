import pytest
import torch
from problems import COMPILER, clients, loss_gradients
from torch.func import grad_and_value, vmap

from dropleak.attack.compiled.matching import CompiledMatching
from dropleak.attack.masks import POLICIES
from dropleak.attack.objective import GradientMatching
from dropleak.client import Update
from dropleak.models import (
    Conv,
    Dropout,
    Flatten,
    Linear,
    Network,
    Sigmoid,
    flatten,
    lenet,
    uniform_parameters,
)
from dropleak.passes import ClientPasses
from dropleak.rng import image_keys


def by_autograd(update, labels, x, masks):
    """Value and gradient of the matching loss, by automatic differentiation twice."""

    def distance(x, parameters, gradients, label, masks):
        image = x.reshape(update.network.input_shape)
        dummy = loss_gradients(update.network, parameters, image, label, masks)
        return sum(((dummy[name] - gradients[name]) ** 2).sum() for name in gradients)

    gradient, value = vmap(grad_and_value(distance))(
        x, update.parameters, update.gradients, labels, masks
    )
    return value, gradient


MATCHINGS = pytest.mark.parametrize(
    "matching", [GradientMatching, pytest.param(CompiledMatching, marks=COMPILER)]
)


@MATCHINGS
@pytest.mark.parametrize(("policy", "rate"), [("resample", 0.3), ("fixed", 0.5), ("ignore", 0.0)])
def test_value_and_gradient_are_those_of_autograd(digits, matching, policy, rate):
    update, private, keys = clients(digits, [0, 5, 9], rate)
    torch.manual_seed(0)
    x = torch.randn(3, 1024, dtype=torch.float64)
    counts = torch.tensor([0, 3, 7])
    value, gradient = matching(update, private.labels, keys, policy)(x, counts)
    masks = [mask.squeeze(1) for mask in POLICIES[policy](update, keys)(counts, 1)]
    expected = by_autograd(update, private.labels, x, masks)
    torch.testing.assert_close(value, expected[0], rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, expected[1], rtol=1e-9, atol=1e-11)


SHAPES = [(3, 32, 32), (1, 28, 28), (2, 17, 11)]


def wild_clients(network):
    """Two clients of a network with random images and multipliers, in float64."""
    torch.manual_seed(0)
    keys, labels = image_keys(0, torch.arange(2)), torch.tensor([6, 2])
    parameters = uniform_parameters(network, keys)
    images = torch.rand(2, *network.input_shape, dtype=torch.float64)
    masks = [torch.rand(2, *site, dtype=torch.float64) for site in network.dropout_shapes()]
    return parameters, labels, images, masks


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_those_of_autograd_for_every_size(shape):
    network = lenet(shape, 7)
    parameters, labels, images, masks = wild_clients(network)
    found = ClientPasses(network, flatten(parameters), labels).gradients(images, masks)
    for client in range(2):
        own = {name: p[client] for name, p in parameters.items()}
        one = [mask[client] for mask in masks]
        expected = loss_gradients(network, own, images[client], labels[client], one)
        row = torch.cat([gradient.flatten() for gradient in expected.values()])
        torch.testing.assert_close(found[client], row, rtol=1e-10, atol=1e-13)


OTHER_LAYERS = Network(
    (3, 13, 10),
    (
        Conv("a", 5, kernel=3, stride=3, padding=0),
        Sigmoid(),
        Dropout(),
        Conv("b", 17, kernel=4, stride=1, padding=3),
        Sigmoid(),
        Flatten(),
        Linear("classifier", 7),
    ),
)


@MATCHINGS
@pytest.mark.parametrize("network", [*(lenet(shape, 7) for shape in SHAPES), OTHER_LAYERS])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_size_and_layer(matching, network, dtype):
    parameters, labels, images, masks = wild_clients(network)
    gradients = {name: torch.rand_like(p) for name, p in parameters.items()}
    x = images.flatten(1)

    def found(dtype):
        update = Update(
            network,
            0.5,
            {name: p.to(dtype) for name, p in parameters.items()},
            {name: g.to(dtype) for name, g in gradients.items()},
        )
        objective = matching(update, labels, torch.arange(2), "fixed")
        objective._masks = lambda evaluations, count: [mask[:, None].to(dtype) for mask in masks]
        return update, *objective(x.to(dtype), torch.zeros(2, dtype=torch.int64))

    update, _, _ = found(torch.float64)
    expected = by_autograd(update, labels, x, masks)
    _, value, gradient = found(dtype)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(value.double(), expected[0], rtol=tolerance, atol=0)
    scale = expected[1].abs().max().item()
    torch.testing.assert_close(
        gradient.double() / scale, expected[1] / scale, rtol=0, atol=tolerance
    )


@MATCHINGS
def test_the_objective_is_zero_at_the_image_under_its_own_mask(digits, matching, monkeypatch):
    update, private, keys = clients(digits, [0, 5], 0.4)
    objective = matching(update, private.labels, keys, "fixed")
    true_masks = [mask[:, None] for mask in private.masks]
    monkeypatch.setattr(objective, "_masks", lambda evaluations, count: true_masks)
    value, gradient = objective(private.images.flatten(1), torch.zeros(2, dtype=torch.int64))
    assert value.max() < 1e-24
    assert gradient.abs().max() < 1e-12
