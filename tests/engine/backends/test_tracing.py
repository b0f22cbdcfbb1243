"""Operations of a function do what the function does."""

import torch
from torch.func import grad, vmap

from dropleak.engine.backends.autograd.tracing import traced


def second_derivative(x, others):
    weight, offset = others

    def value(x):
        return ((x * weight).sigmoid() + offset).square().sum()

    return [vmap(grad(lambda x: grad(value)(x).square().sum()))(x), others]


def test_derivatives_at_another_place():
    torch.manual_seed(0)
    first, second, weight = torch.rand(3, 2, 4).double()
    offset = torch.tensor(2.0).double()
    run = traced(second_derivative, first, (weight[0], offset))
    found = run(second, (weight[1], 3 * offset))
    expected = second_derivative(second, (weight[1], 3 * offset))
    torch.testing.assert_close(found[0], expected[0])
    assert found[1][1] == 3 * offset


def test_operations_that_change_tensors_do_so_each_time():
    def function(x):
        total = torch.zeros_like(x)
        total[1:] += x[:-1]
        parts = total.split(1)
        return total.relu_(), parts[1]

    run = traced(function, torch.ones(3))
    for x in (torch.tensor([1.0, -2.0, 3.0]), torch.tensor([4.0, 5.0, 6.0])):
        for found, expected in zip(run(x), function(x), strict=True):
            assert torch.equal(found, expected)


def test_what_nothing_needs_does_not_run():
    calls = traced(lambda x: (x.exp(), x.sin())[1], torch.ones(2))
    with torch.profiler.profile() as profile:
        calls(torch.ones(2))
    names = {event.key for event in profile.key_averages()}
    assert "aten::sin" in names
    assert "aten::exp" not in names


def test_tensors_of_inference_mode_can_be_given():
    run = traced(lambda x: grad(lambda x: x.square().sum())(x), torch.ones(2))
    with torch.inference_mode():
        assert run(torch.full((2,), 3.0)).tolist() == [6, 6]
