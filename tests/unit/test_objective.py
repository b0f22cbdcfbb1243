import pytest
import torch
from problems import clients
from torch.func import grad_and_value, vmap

from dropleak.attack.objective import GradientMatching
from dropleak.attack.passes import ClientPasses
from dropleak.client import loss_gradients
from dropleak.models import lenet, uniform_parameters
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


@pytest.mark.parametrize(("policy", "rate"), [("resample", 0.3), ("fixed", 0.5), ("ignore", 0.0)])
def test_value_and_gradient_are_those_of_autograd(digits, policy, rate):
    update, private, keys = clients(digits, [0, 5, 9], rate)
    torch.manual_seed(0)
    x = torch.randn(3, 1024, dtype=torch.float64)
    objective, counts = (
        GradientMatching(update, private.labels, keys, policy),
        torch.tensor([0, 3, 7]),
    )
    value, gradient = objective(x, counts)
    expected = by_autograd(update, private.labels, x, objective._masks(counts))
    torch.testing.assert_close(value, expected[0], rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, expected[1], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (2, 17, 11)])
def test_gradients_are_those_of_autograd_for_every_size(shape):
    network = lenet(shape, 7)
    keys = image_keys(0, torch.arange(2))
    parameters, labels = uniform_parameters(network, keys), torch.tensor([6, 2])
    torch.manual_seed(0)
    images = torch.rand(2, *shape, dtype=torch.float64)
    masks = [torch.rand(2, *site, dtype=torch.float64) for site in network.dropout_shapes()]
    found = ClientPasses(network, parameters, labels).gradients(images, masks)
    for client in range(2):
        own = {name: p[client] for name, p in parameters.items()}
        one = [mask[client] for mask in masks]
        expected = loss_gradients(network, own, images[client], labels[client], one)
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name][client], gradient, rtol=1e-10, atol=1e-13)


def test_the_objective_is_zero_at_the_image_under_its_own_mask(digits, monkeypatch):
    update, private, keys = clients(digits, [0, 5], 0.4)
    objective = GradientMatching(update, private.labels, keys, "fixed")
    monkeypatch.setattr(objective, "_masks", lambda evaluations: private.masks)
    value, gradient = objective(private.images.flatten(1), torch.zeros(2, dtype=torch.int64))
    assert value.max() < 1e-24
    assert gradient.abs().max() < 1e-12
