"""A network is made from any torch module, as a pure function."""

import modules
import pytest
import torch
from torch import nn

from dropleak.engine import rng
from dropleak.engine.models.dropout import dropout_masks
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.zoo import lenet
from dropleak.errors import InputError

SHAPE = (1, 32, 32)


def own(network):
    """A network's parameters, without a batch."""
    return {
        name: p[0]
        for name, p in network.initial_parameters(rng.image_keys(0, torch.arange(3))).items()
    }


def drawn(network, count=4, rate=0.3):
    """Masks of some images."""
    return list(dropout_masks(network, rng.image_keys(0, torch.arange(count)), rate, torch.float32))


def test_its_weights_are_those_of_the_module_and_it_is_left_as_it_was():
    module = modules.ConvNet().eval()
    network = ModuleNetwork(module, SHAPE, 10)
    assert isinstance(module.dropout, nn.Dropout)
    assert not module.training
    assert network.parameter_shapes() == {n: p.shape for n, p in module.named_parameters()}
    for name, parameter in module.named_parameters():
        assert torch.equal(own(network)[name], parameter)
    with torch.no_grad():
        module.fc.bias.add_(1)
    assert not torch.equal(own(network)["fc.bias"], module.fc.bias)


def test_masks_multiply_where_dropout_was_in_the_order_of_the_calls():
    module = modules.ConvNet().eval()
    network = ModuleNetwork(module, SHAPE, 10)
    assert network.dropout_shapes() == [(6, 1, 1), (384,), (12,)]
    images, (channels, features, hidden) = torch.rand(4, *SHAPE), drawn(network)
    norm = module.norm(module.conv1(images))
    x = nn.functional.max_pool2d(module.conv2(nn.functional.leaky_relu(norm)), 2) * channels
    x = nn.functional.softplus(module.hidden(x.flatten(1) * features)) * hidden
    found = network.forward(own(network), images, [channels, features, hidden])
    torch.testing.assert_close(found, module.fc(x))
    one = network.forward(own(network), images[2], [channels[2], features[2], hidden[2]])
    torch.testing.assert_close(one, found[2])


def test_a_forward_pass_depends_on_its_arguments_alone():
    network = ModuleNetwork(modules.ConvNet(), SHAPE, 10)
    images, masks = torch.rand(4, *SHAPE), drawn(network)
    first = network.forward(own(network), images, masks)
    network.forward(own(network), images + 1, drawn(network, rate=0.9))
    assert torch.equal(network.forward(own(network), images, masks), first)


def test_without_dropping_it_is_the_module_in_eval_mode():
    for module in (modules.ConvNet(), modules.transformer(), modules.mlp()):
        network = ModuleNetwork(module, SHAPE, 10)
        images, ones = torch.rand(4, *SHAPE), [torch.ones(())] * len(network.dropout_shapes())
        expected = module.eval()(images)
        torch.testing.assert_close(network.forward(own(network), images, ones), expected)


def test_batch_norm_may_use_the_statistics_of_a_clients_images():
    module = modules.ConvNet()
    network = ModuleNetwork(module, SHAPE, 10, batch_norm="batch")
    assert network.batch_norm == "batch"
    assert ModuleNetwork(module, SHAPE, 10).batch_norm == "running"
    assert ModuleNetwork(modules.mlp(), SHAPE, 10).batch_norm is None
    for part in module.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = 0.0
    images, ones = torch.rand(4, *SHAPE), [torch.ones(())] * 3
    expected = module.train()(images)
    torch.testing.assert_close(network.forward(own(network), images, ones), expected)


def test_a_dropout_layer_is_put_before_the_classifier_if_there_is_none():
    module = modules.lenet(dropout=False)
    assert ModuleNetwork(module, SHAPE, 10).dropout_shapes() == []
    network = ModuleNetwork(module, SHAPE, 10, dropout="classifier")
    assert network.dropout_shapes() == [(768,)]
    assert list(network.parameter_shapes()) == [name for name, _ in module.named_parameters()]
    images, (mask,) = torch.rand(4, *SHAPE), drawn(network)
    expected = module[-1](module[:-1](images) * mask)
    torch.testing.assert_close(network.forward(own(network), images, [mask]), expected)
    both = ModuleNetwork(modules.ConvNet(), SHAPE, 10, dropout="classifier")
    assert len(both.dropout_shapes()) == 3


def test_parameters_without_gradients_are_constants():
    module = modules.mlp()
    module[1].weight.requires_grad_(False)
    network = ModuleNetwork(module, SHAPE, 10)
    assert list(network.parameter_shapes()) == ["4.weight"]
    weights = {"4.weight": torch.rand(10, 24).double()}
    ones = [torch.ones(())]
    found = network.forward(weights, torch.rand(3, *SHAPE).double(), ones)
    assert found.dtype == torch.float64


def test_it_computes_in_the_precision_of_its_arguments():
    network = ModuleNetwork(modules.ConvNet(), SHAPE, 10)
    single, images = own(network), torch.rand(4, *SHAPE)
    double = {name: p.double() for name, p in single.items()}
    masks = drawn(network)
    exact = network.forward(double, images.double(), [mask.double() for mask in masks])
    assert exact.dtype == torch.float64
    torch.testing.assert_close(
        network.forward(single, images, masks).double(), exact, rtol=1e-4, atol=1e-5
    )


def test_lenet_as_a_module_is_lenet():
    network, written = ModuleNetwork(modules.lenet(), SHAPE, 10), lenet(SHAPE, 10)
    assert network.dropout_shapes() == written.dropout_shapes()
    parameters = dict(zip(written.parameter_shapes(), own(network).values(), strict=True))
    images, masks = torch.rand(4, *SHAPE), drawn(network)
    expected = written.forward(parameters, images, masks)
    torch.testing.assert_close(network.forward(own(network), images, masks), expected)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.AlphaDropout(), nn.Linear(1024, 10)),
            "1 .AlphaDropout.*Dropout",
        ),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "does not take images of 1 x 32 x 32"),
        (nn.Sequential(nn.Conv2d(1, 10, 32), nn.Flatten()), "has none; put an nn.Dropout"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(module, message):
    with pytest.raises(InputError, match=message):
        ModuleNetwork(module, SHAPE, 10, dropout="classifier")
