"""What the operations of a module tell of its classifier and its dropout layers."""

import modules
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dropleak.engine.models.model import Classifier
from dropleak.engine.models.module import ModuleNetwork

SHAPE = (1, 32, 32)


def network(*layers):
    return ModuleNetwork(nn.Sequential(*layers), SHAPE, 10)


class Function(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def hidden(activation):
    """A layer, an activation, dropout, and the classifier."""
    if not isinstance(activation, nn.Module):
        activation = Function(activation)
    return network(nn.Flatten(), nn.Linear(1024, 16), activation, nn.Dropout(), nn.Linear(16, 10))


@pytest.mark.parametrize(
    ("activation", "signed", "doubt"),
    [
        (nn.Sigmoid(), False, None),
        (nn.Softplus(), False, None),
        (torch.exp, False, None),
        (nn.Softmax(1), False, None),
        (lambda x: x.sigmoid() * 2 + 1, False, None),
        (lambda x: x.relu() + x.exp(), False, None),
        (lambda x: x.sigmoid() - 1, True, "sub"),
        (lambda x: x.sigmoid().sub_(1), True, "sub"),
        (lambda x: x.sigmoid() * x, True, "mul"),
        (nn.ReLU(inplace=True), False, "relu"),
        (lambda x: x**2, True, "pow"),
        (nn.GELU(), True, "gelu"),
        (nn.LeakyReLU(), True, "leaky_relu"),
        (nn.Tanh(), True, "tanh"),
    ],
)
def test_a_mask_is_read_for_sure_only_where_features_are_positive(activation, signed, doubt):
    found = hidden(activation)
    assert found.classifier == Classifier("4.weight", "4.bias", signed)
    (site,) = found.dropout_sites()
    assert site.weight == "4.weight"
    assert torch.equal(site.elements, torch.arange(16)[None])
    assert site.doubts == (() if doubt is None else (f"features behind {doubt} can be zero",))


def test_pooling_keeps_what_is_known_of_signs():
    conv = nn.Conv2d(1, 2, 5, padding=2)
    for pooling in (nn.MaxPool2d(2), nn.AvgPool2d(2, padding=1), nn.AdaptiveAvgPool2d(16)):
        size = pooling(torch.zeros(2, 32, 32)).numel()
        last = nn.Flatten(), nn.Dropout(), nn.Linear(size, 10)
        sigmoid, relu = (
            network(conv, activation, pooling, *last) for activation in (nn.Sigmoid(), nn.ReLU())
        )
        assert sigmoid.dropout_sites()[0].doubts == ()
        assert relu.dropout_sites()[0].doubts == ("features behind relu can be zero",)


def test_channels_that_are_dropped_have_several_columns():
    conv, last = nn.Conv2d(1, 3, 8, stride=8), nn.Linear(48, 10)
    (site,) = network(conv, nn.Sigmoid(), nn.Dropout2d(), nn.Flatten(), last).dropout_sites()
    assert site.shape == (3, 1, 1)
    assert torch.equal(site.elements, torch.arange(3).repeat_interleave(16)[None])
    transposed = Function(lambda x: x.permute(0, 2, 3, 1).flatten(1))
    (site,) = network(conv, nn.Sigmoid(), nn.Dropout2d(), transposed, last).dropout_sites()
    assert torch.equal(site.elements, torch.arange(3).repeat(16)[None])


def test_a_linear_layer_may_be_applied_to_several_parts_of_an_image():
    rows = nn.Flatten(1, 2), nn.Linear(32, 4), nn.Sigmoid(), nn.Dropout(), nn.Linear(4, 2)
    (site,) = network(*rows, nn.Flatten(), nn.Linear(64, 10)).dropout_sites()
    assert site.weight == "4.weight"
    assert torch.equal(site.elements, torch.arange(128).reshape(32, 4))
    assert site.doubts == ("a linear layer is applied to several parts of an image",)


def test_dropout_layers_in_series_are_counted():
    conv, last = nn.Conv2d(1, 3, 8, stride=8), nn.Linear(48, 10)
    sites = network(
        conv, nn.Sigmoid(), nn.Dropout2d(), nn.Flatten(), nn.Dropout(), last
    ).dropout_sites()
    assert [site.series for site in sites] == [2, 2]
    assert all(site.doubts == ("dropout layers in series",) for site in sites)


def test_what_is_not_behind_a_dropout_layer_is_named():
    conv = nn.Conv2d(1, 2, 3), nn.Dropout(), nn.Conv2d(2, 2, 3), nn.Flatten()
    (site,) = network(*conv, nn.Linear(2 * 28 * 28, 10)).dropout_sites()
    assert site.weight is None
    assert site.doubts == ("dropout before conv2d cannot be read",)
    first, _, second = ModuleNetwork(modules.ConvNet(), SHAPE, 10).dropout_sites()
    assert (first.weight, first.series) == ("hidden.weight", 2)
    assert (second.weight, second.doubts) == ("fc.weight", ())


def test_weights_that_are_used_twice_or_not_trained_say_nothing():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(1024, 10), nn.Linear(10, 10)

        def forward(self, x):
            return self.last(self.last(F.dropout(self.first(x.flatten(1)), 0.0)))

    assert ModuleNetwork(Tied(), SHAPE, 10).classifier is None
    frozen = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(1024, 10))
    frozen[-1].weight.requires_grad_(False)
    found = ModuleNetwork(frozen, SHAPE, 10)
    assert found.classifier is None
    assert found.dropout_sites()[0].weight is None
    frozen[-1].weight.requires_grad_(True)
    frozen[-1].bias.requires_grad_(False)
    assert ModuleNetwork(frozen, SHAPE, 10).classifier.bias is None


def test_a_weight_that_is_not_used_has_no_layers():
    class Aside(nn.Module):
        def __init__(self):
            super().__init__()
            self.aside, self.last = nn.Linear(1024, 5), nn.Linear(1024, 10)

        def forward(self, x):
            return self.last(F.dropout(x.flatten(1), 0.0))

    assert ModuleNetwork(Aside(), SHAPE, 10).factored() == {"last.weight": 1}


def test_logits_may_come_as_their_log_softmax_and_otherwise_from_a_linear_layer_alone():
    layers = nn.Flatten(), nn.Linear(1024, 10)
    assert network(*layers, nn.LogSoftmax(1)).classifier.weight == "1.weight"
    assert network(*layers, nn.Softmax(1)).classifier is None
    assert network(*layers, nn.Linear(10, 10), nn.ReLU()).classifier is None
    assert network(nn.Conv2d(1, 10, 32), nn.Flatten()).classifier is None


def test_a_module_that_cannot_be_traced_tells_nothing():
    def branching(x):
        return x if x.sum() > -1e9 else -x

    found = network(nn.Flatten(), Function(branching), nn.Dropout(), nn.Linear(1024, 10))
    assert found.classifier is None
    assert found.dropout_sites()[0].doubts == ("the module cannot be traced",)
