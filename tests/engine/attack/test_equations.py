import pytest
import torch

from dropleak.engine.attack.equations import Equations, Signal
from dropleak.engine.models.layers import Conv, Linear

LAYERS = [
    (Conv("layer", 6, kernel=5, stride=2, padding=2), (2, 9, 8)),
    (Conv("layer", 6, kernel=3, stride=1, padding=1), (2, 9, 8)),
    (Linear("layer", 5), (7,)),
]


def problem(layer, shape, smoothness=0.0, known=1.0):
    """A random input x, its equations, and the gradient with respect to x, by autograd."""
    random = torch.Generator().manual_seed(0)

    def draw(*size):
        return torch.rand(*size, generator=random, dtype=torch.float64)

    names = layer.parameter_shapes(shape)
    parameters = {name: (draw(*size) - 0.5).requires_grad_() for name, size in names.items()}
    x = draw(1, *shape).requires_grad_()
    y = layer.apply(parameters, x)
    dy = draw(*y.shape) - 0.5
    weight = parameters["layer.weight"]
    gradient, dx = torch.autograd.grad((y * dy).sum(), [weight, x])
    row = torch.cat([parameter.detach().flatten() for parameter in parameters.values()])[None]
    behind = Signal(y.detach(), known * draw(*y.shape), dy)
    return x.detach(), Equations(layer, shape, row, gradient, behind, smoothness), dx


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_the_true_input_solves_the_equations(layer, shape):
    x, equations, _ = problem(layer, shape)
    torch.testing.assert_close(equations.left(x), equations.right)
    assert (equations.left(x + 0.1) - equations.right).abs().max() > 0.01


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_the_input_is_found_and_the_gradient_passed_on(layer, shape):
    x, equations, dx = problem(layer, shape)
    found = equations.solve(1e-14)
    torch.testing.assert_close(found.value, x, rtol=0, atol=1e-8)
    torch.testing.assert_close(found.gradient, dx, rtol=0, atol=1e-10)
    assert (found.weight == 1).all()


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_transposed_is_the_transpose(layer, shape):
    x, equations, _ = problem(layer, shape, smoothness=0.3 if isinstance(layer, Conv) else 0.0)
    row = torch.rand(equations.right.shape, dtype=torch.float64)
    left, right = equations.left(x) @ row, (x * equations.transposed(row)).sum()
    torch.testing.assert_close(left, right)


def test_of_a_linear_layer_the_output_need_not_be_known():
    """As of the classifier, whose logits are not."""
    x, equations, _ = problem(*LAYERS[-1], known=0.0)
    torch.testing.assert_close(equations.solve(1e-14).value, x, rtol=0, atol=1e-10)


def test_smoothness_decides_where_equations_are_too_few():
    layer, shape = Conv("layer", 2, kernel=3, stride=1, padding=1), (1, 8, 8)
    ramp = torch.linspace(0, 1, 8, dtype=torch.float64).expand(1, *shape)
    parameters = torch.linspace(-1, 1, 20, dtype=torch.float64)[None]
    dy = torch.linspace(-1, 1, 128, dtype=torch.float64).sin().reshape(1, 2, 8, 8)
    weight = parameters[:, :18].reshape(2, 1, 3, 3).clone().requires_grad_()
    y = torch.nn.functional.conv2d(ramp, weight, parameters[0, 18:], padding=1)
    (gradient,) = torch.autograd.grad((y * dy).sum(), weight)
    behind = Signal(y.detach(), torch.zeros_like(dy), dy)
    errors = [
        (Equations(layer, shape, parameters, gradient, behind, weight).solve(1e-12).value - ramp)
        .abs()
        .max()
        for weight in (0.0, 1e-3)
    ]
    assert errors[1] < 0.2 < errors[0]
