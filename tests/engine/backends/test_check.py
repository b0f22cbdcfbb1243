"""A module that cannot be attacked is refused with what was found, where, and what to do."""

import random
import re
import time

import modules
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dropleak.engine.backends.autograd.check import check_derivatives, check_forward
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.modules import convnet
from dropleak.errors import InputError

SHAPE = (1, 32, 32)
SINGLE, DOUBLE = torch.empty(0), torch.empty(0, dtype=torch.float64)


class Custom(nn.Module):
    """A linear layer behind a function of the pixels."""

    def __init__(self, function):
        super().__init__()
        self.function, self.last = function, nn.Linear(1024, 10)
        self.register_buffer("calls", torch.zeros(()))
        self.eval()

    def forward(self, x):
        return self.last(self.function(self, x.flatten(1)))


def check(module, like=SINGLE, images=1, **options):
    """Check a module for images of `SHAPE` and ten classes."""
    network = ModuleNetwork(module, SHAPE, 10, **options)
    check_forward(network, like, images)
    check_derivatives(network, like, images)


def refused(module, **options):
    """The message for a module."""
    with pytest.raises(InputError) as raised:
        check(module, **options)
    return str(raised.value)


@pytest.mark.parametrize("like", [SINGLE, DOUBLE], ids=["single", "double"])
@pytest.mark.parametrize(
    "module", [modules.lenet, modules.ConvNet, modules.transformer, modules.mlp]
)
def test_what_can_be_attacked_passes_in_seconds(module, like):
    started = time.perf_counter()
    for options in ({}, {"images": 3, "batch_norm": "batch"}):
        check(module(), like, **options)
    assert time.perf_counter() - started < 20


def dropping(self, x):
    return F.dropout(x, 0.2, self.training)


def noisy(self, x):
    return x + torch.randn_like(x)


def branching(self, x):
    return x if x.sum() > 0 else -x


def selecting(self, x):
    return x - x[x > 0.5].sum()


def guessing(self, x):
    return x * random.random()


def counting(self, x):
    self.calls += 1
    return x + self.calls


class Unbatched(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, dy):
        return 2 * dy


def line(function):
    """Where its second line is."""
    return f"{__file__}:{function.__code__.co_firstlineno + 1}"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (dropping, "dropout .* not a module .*nn.Dropout"),
        (noisy, "random numbers .*randn"),
        (branching, "depends on values .*torch.where"),
        (selecting, "depends on values .*torch.where"),
    ],
)
def test_what_forward_must_not_do_is_refused_with_its_line(function, message):
    found = refused(Custom(function))
    assert re.search(message, found)
    assert line(function) in found


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (guessing, "two results for the same image"),
        (counting, "changes calls"),
        (lambda self, x: x / 0, "not finite"),
        (lambda self, x: Unbatched.apply(x), "differentiated twice .* other operations"),
    ],
)
def test_whatever_else_it_must_not_do_is_refused(function, message):
    assert re.search(message, refused(Custom(function)))


def test_precision_that_forward_insists_on_is_refused():
    module = Custom(lambda self, x: x @ torch.eye(1024))
    check(module)
    assert "for an update of 1 image its forward raises" in refused(module, like=DOUBLE)


def test_everything_that_was_found_stands_in_one_message():
    def both(self, x):
        x = x + torch.randn_like(x)
        self.calls += 1
        return x * x.max().item()

    found = refused(Custom(both))
    for part in ("random numbers", "changes calls", "depends on values"):
        assert part in found


def test_layers_of_torch_are_named():
    rrelu = nn.Sequential(nn.Flatten(), nn.Linear(1024, 8), nn.RReLU(), nn.Linear(8, 10))
    assert "in RReLU" in refused(rrelu)
    attention = nn.TransformerEncoderLayer(32, 4, 16, batch_first=True)
    found = refused(nn.Sequential(nn.Flatten(1, 2), attention, nn.Flatten(), nn.Linear(1024, 10)))
    assert "attention drops weights by itself" in found
    assert "dropout to 0" in found


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(1024, 12)), r"\(2, 12\) instead of logits of .*10"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "does not take images of 1 x 32 x 32"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(2048, 10)), r"\(10,\) instead of logits"),
    ],
)
def test_what_is_no_classifier_of_these_images_is_refused(module, message):
    assert re.search(message, refused(module))


def test_logits_without_a_derivative_are_refused():
    class Detached(Custom):
        def forward(self, x):
            return super().forward(x).detach()

    assert "cannot be differentiated twice" in refused(Detached(lambda self, x: x))


def test_a_tuple_is_no_logits():
    class Two(Custom):
        def forward(self, x):
            return super().forward(x), x

    assert "returns tuple; return the logits alone" in refused(Two(lambda self, x: x))


def test_batch_norm_of_a_single_value_is_refused():
    module = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(1024), nn.Linear(1024, 10))
    assert "a single value" in refused(module, batch_norm="batch")
    check(module, images=2, batch_norm="batch")


@pytest.mark.slow
def test_kinks_at_the_edge_of_rounding_are_no_fault():
    """In single precision the gradients of this network differ by a hundredth."""
    torch.manual_seed(0)
    check(convnet(SHAPE, 10))
