"""Distances from products are those from the products' numbers."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dropleak.engine.backends.autograd import factors as module
from dropleak.engine.backends.autograd.convolutions import Convolution
from dropleak.engine.backends.autograd.factors import Factors
from dropleak.engine.backends.autograd.layers import Recorder

SIZES = {"rows": (5, 7, 1), "few": (5, 7, 3), "many": (5, 7, 40)}


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def problem(request):
    """Factors of three clients, and what they shared."""
    torch.manual_seed(0)
    outputs, inputs, places = request.param
    errors, columns = (torch.rand(3, size, places).double() for size in (outputs, inputs))
    return Factors(errors, columns), torch.rand(3, outputs, inputs).double()


def by_autograd(function, factors):
    """Values [3], and gradients of their sum by the factors."""
    errors, inputs = (part.clone().requires_grad_() for part in (factors.errors, factors.inputs))
    value = function(errors @ inputs.mT)
    return value.detach(), Factors(*torch.autograd.grad(value.sum(), [errors, inputs]))


def assert_same(found, expected):
    torch.testing.assert_close(found.errors, expected.errors)
    torch.testing.assert_close(found.inputs, expected.inputs)


@pytest.mark.parametrize("room", [1, 14, 70, 1000])
def test_squared_difference(problem, monkeypatch, room):
    monkeypatch.setattr(module, "CACHED", room)
    factors, shared = problem
    value, slope = factors.squared_difference(shared)
    expected = by_autograd(lambda g: (g - shared).square().sum((1, 2)), factors)
    torch.testing.assert_close(value, expected[0])
    assert_same(slope, expected[1])


@pytest.mark.parametrize("room", [1, 14, 70, 1000])
def test_products(problem, monkeypatch, room):
    monkeypatch.setattr(module, "CACHED", room)
    factors, shared = problem
    found = factors.inner_products(shared)
    own, own_slope = by_autograd(lambda g: g.square().sum((1, 2)) / 2, factors)
    overlap, overlap_slope = by_autograd(lambda g: (g * shared).sum((1, 2)), factors)
    torch.testing.assert_close(found.own, 2 * own)
    torch.testing.assert_close(found.shared, overlap)
    weights = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([0.3, 0.0, 4.0]).double()
    slopes = [
        weights[0][:, None, None] * one + weights[1][:, None, None] * other
        for one, other in (
            (own_slope.errors, overlap_slope.errors),
            (own_slope.inputs, overlap_slope.inputs),
        )
    ]
    assert_same(found.combined(*weights), Factors(*slopes))


LAYERS = {
    "linear": (nn.Linear(6, 4), (6,)),
    "rows": (nn.Linear(6, 4), (3, 6)),
    "conv": (nn.Conv2d(2, 4, 3), (2, 6, 5)),
    "strided": (nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 2), dilation=2), (2, 9, 8)),
}


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("images", [1, 2])
def test_the_gradient_of_a_layer_is_the_product_of_its_factors(layer, shape, images):
    layer = layer.double()
    x = torch.rand(1, images, *shape).double()
    with Recorder({"w": layer.weight}) as recorder:
        y = layer(x[0])
    torch.testing.assert_close(y, layer(x[0]))
    ((call, inputs),) = zip(recorder.layers, recorder.inputs, strict=True)
    assert call.output == y.shape
    assert inputs is not None
    dy = torch.rand_like(y)
    (expected,) = torch.autograd.grad(y, layer.weight, dy)
    parts = [(call.to_errors(dy[None]), call.to_columns(x))]
    factors = Factors.of(parts)
    product = (factors.errors @ factors.inputs.mT)[0].reshape(layer.weight.shape)
    torch.testing.assert_close(product, expected)
    ((errors, columns),) = factors.split(parts)
    torch.testing.assert_close(call.from_errors(errors, dy[None].shape)[0], dy)
    counts = call.from_columns(call.to_columns(torch.ones_like(x)), x.shape)
    torch.testing.assert_close(call.from_columns(columns, x.shape), counts * x)


@pytest.mark.parametrize("layer", ["conv", "strided"])
@pytest.mark.parametrize("images", [1, 2])
def test_convolutions_in_place_of_columns(layer, images):
    torch.manual_seed(0)
    layer, shape = LAYERS[layer]
    layer = layer.double()
    with Recorder({"w": layer.weight}) as recorder:
        y = layer(torch.rand(images, *shape).double())
    (call,) = recorder.layers
    x, dy = torch.rand(3, images, *shape).double(), torch.rand(3, *y.shape).double()
    shared = torch.rand(3, len(layer.weight), layer.weight[0].numel()).double()
    parts = [(call.to_errors(dy), call.to_columns(x))]
    matrices = Factors.of(parts)
    convolution = Convolution(dy, x, call.shape, call.window)

    def assert_same_slopes(found, expected):
        ((errors, columns),) = expected.split(parts)
        assert_same(
            found, Factors(call.from_errors(errors, dy.shape), call.from_columns(columns, x.shape))
        )

    value, slope = convolution.squared_difference(shared)
    expected = matrices.squared_difference(shared)
    torch.testing.assert_close(value, expected[0])
    assert_same_slopes(slope, expected[1])
    found, expected = (each.inner_products(shared) for each in (convolution, matrices))
    torch.testing.assert_close(found.own, expected.own)
    torch.testing.assert_close(found.shared, expected.shared)
    weights = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([0.3, 0.0, 4.0]).double()
    assert_same_slopes(found.combined(*weights), expected.combined(*weights))


def test_only_the_weights_that_are_asked_for_are_noted():
    one, other = nn.Linear(3, 3), nn.Linear(3, 3)
    with Recorder({"one": one.weight}) as recorder:
        one(other(one(torch.rand(2, 3))))
        F.linear(torch.rand(2, 3), weight=one.weight)
    assert [layer.weight for layer in recorder.layers] == ["one"] * 3
