import pytest
import torch
from torch import nn

from dropleak.engine import rng
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.layers import Dropout
from dropleak.engine.models.zoo import lenet


@pytest.fixture
def network():
    return lenet((3, 32, 32), 10)


def idlg_lenet() -> nn.Module:
    """LeNet as in the iDLG paper, in torch's own modules."""
    return nn.Sequential(
        nn.Conv2d(3, 12, kernel_size=5, padding=2, stride=2),
        nn.Sigmoid(),
        nn.Conv2d(12, 12, kernel_size=5, padding=2, stride=2),
        nn.Sigmoid(),
        nn.Conv2d(12, 12, kernel_size=5, padding=2, stride=1),
        nn.Sigmoid(),
        nn.Flatten(),
        nn.Linear(768, 10),
    ).double()


def test_the_forward_pass_is_that_of_torch_modules(network):
    module = idlg_lenet()
    parameters = dict(zip(network.parameter_shapes(), module.parameters(), strict=True))
    images = torch.rand(4, 3, 32, 32, dtype=torch.float64)
    mask = torch.rand(4, 768, dtype=torch.float64)
    expected = module[-1](module[:-1](images) * mask)
    torch.testing.assert_close(network.forward(parameters, images, [mask]), expected)
    encoded = network.encoder().forward(parameters, images, [])
    torch.testing.assert_close(encoded, module[:-1](images))


def test_shapes_are_those_of_the_values(network):
    assert network.output_shapes()[-4:] == [(12, 8, 8), (768,), (768,), (10,)]
    assert network.dropout_shapes() == [(768,)]
    assert lenet((1, 28, 28), 10).dropout_shapes() == [(588,)]


def test_only_the_dropout_layer_is_new(network):
    original = [layer for layer in network.layers if not isinstance(layer, Dropout)]
    assert list(network.without_dropout().layers) == original
    assert len(original) == len(network.layers) - 1


def test_parameters_are_uniform_and_one_network_per_key(network):
    keys = rng.image_keys(0, torch.arange(3))
    parameters = network.initial_parameters(keys)
    everything = torch.cat([p.flatten(1) for p in parameters.values()], dim=1)
    assert everything.abs().max() <= 0.5
    assert everything.std() == pytest.approx(12**-0.5, rel=0.01)
    assert (everything[0] != everything[1]).all()


def test_masks_are_inverted_dropout_and_nested(network):
    keys = rng.image_keys(0, torch.arange(40))
    dropped = None
    for rate in (0.0, 0.3, 0.5, 0.9):
        (mask,) = dropout_masks(network, keys, rate, torch.float64)
        assert set(mask.unique().tolist()) <= {0.0, 1 / (1 - rate)}
        now = mask == 0
        assert now.double().mean() == pytest.approx(rate, abs=0.01)
        assert dropped is None or now[dropped].all()
        dropped = now
