"""Functions in elementary ones are torch's own, with all their derivatives."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from dropleak.engine.models.elementary import elementary

SHAPE = (3, 4, 5, 6)

LAYERS = {
    "batch": nn.BatchNorm2d(4, track_running_stats=False),
    "running": nn.BatchNorm2d(4).eval(),
    "layer": nn.LayerNorm((5, 6)),
    "plain layer": nn.LayerNorm(6, elementwise_affine=False),
    "group": nn.GroupNorm(2, 4),
    "instance": nn.InstanceNorm2d(4, affine=True),
    "tracking instance": nn.InstanceNorm2d(4, track_running_stats=True).eval(),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_normalisation(layer):
    torch.manual_seed(0)
    layer = layer.double()
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.1, 1)
    # So little contrast that epsilon counts.
    x = (0.01 * torch.rand(2, *SHAPE)).double()
    weight = torch.rand(SHAPE).double()
    state = {name: tensor.clone() for name, tensor in layer.state_dict().items()}

    def loss(x):
        return (weight * functional_call(layer, state, x).sin()).sum()

    def curvature(x):
        return grad(lambda x: grad(loss)(x).square().sum())(x)

    for client in x:
        with elementary():
            value = functional_call(layer, state, client)
        torch.testing.assert_close(value, functional_call(layer, state, client))
    with elementary():
        found = vmap(curvature)(x)
    for client, row in zip(x, found, strict=True):
        own = client.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(own), own, create_graph=True)
        (expected,) = torch.autograd.grad(slope.square().sum(), own)
        torch.testing.assert_close(row, expected)


def test_a_single_value_cannot_be_normalised():
    with elementary(), pytest.raises(ValueError, match="a single value"):
        nn.BatchNorm1d(3)(torch.zeros(1, 3))
