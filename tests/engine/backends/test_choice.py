"""An attack runs in C if possible, otherwise in torch, and says which."""

from dataclasses import dataclass, replace

import pytest
import torch
from problems import COMPILER, by_autograd, clients
from torch.nn.functional import avg_pool2d

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.distances import DISTANCES, Distance
from dropleak.engine.attack.lbfgs import LBFGS
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_row
from dropleak.engine.backends import compiled
from dropleak.engine.backends.choice import choose
from dropleak.engine.backends.compiled.lbfgs import CompiledLBFGS
from dropleak.engine.backends.compiled.matching import CompiledMatching
from dropleak.engine.models.layers import Activation, Conv, LinearMap, Sigmoid
from dropleak.engine.models.zoo import convolutional, lenet, relu_convnet

LENET = lenet((1, 32, 32), 10)
LIKE = torch.empty(0, dtype=torch.float64)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """Unknown to C, with a kink."""

    def apply(self, parameters, x):
        return torch.where(x > 0, x, 0.1 * x)

    def slope(self, x, y):
        return (x > 0).to(x) * 0.9 + 0.1


@dataclass(frozen=True)
class Tanh(Activation):
    """Unknown to C, and curved."""

    def apply(self, parameters, x):
        return x.tanh()

    def slope(self, x, y):
        return 1 - y * y

    def bend(self, memory):
        return -2 * memory.y * memory.dx * memory.rx


@dataclass(frozen=True)
class Steep(Sigmoid):
    """A kind unknown to C, although its parent is known."""

    def apply(self, parameters, x):
        return (2 * x).sigmoid()

    def slope(self, x, y):
        return 2 * super().slope(x, y)

    def bend(self, memory):
        return 2 * super().bend(memory)


@dataclass(frozen=True)
class AveragePooling(LinearMap):
    """Unknown to C, with an output of another shape than its input."""

    def output_shape(self, shape):
        channels, height, width = shape
        return (channels, height // 2, width // 2)

    def apply(self, parameters, x):
        return avg_pool2d(x, 2)

    def transpose(self, memory, dy):
        return dy.repeat_interleave(2, -1).repeat_interleave(2, -2) / 4


def pooling():
    """A network with the layer before and after the activation."""
    one, two = (Conv(name, 6, kernel=5, stride=1, padding=2) for name in "ab")
    blocks = [(one, Sigmoid(), AveragePooling()), (two, AveragePooling(), Sigmoid())]
    return convolutional((1, 32, 32), 10, "both", blocks)


def with_activation(layer):
    """LeNet with other activations."""
    layers = tuple(layer if isinstance(each, Sigmoid) else each for each in LENET.layers)
    return replace(LENET, layers=layers, bound=None)


@COMPILER
@pytest.mark.parametrize("network", [LENET, relu_convnet((3, 32, 32), 10, "both")])
@pytest.mark.parametrize(
    "attacker",
    [
        Attacker(),
        Attacker(distance="cosine", labels="optimise"),
        Attacker(optimiser="adam"),
        Attacker(masks="ignore", total_variation=0.1),
    ],
)
def test_known_layers_and_distances_run_in_c(network, attacker):
    backend = choose(network, attacker, LIKE)
    assert backend == ("C", CompiledMatching, CompiledLBFGS, None)
    assert str(backend) == "the attack runs in C"


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("LeakyReLU", with_activation(LeakyReLU())),
        ("Tanh", with_activation(Tanh())),
        ("Steep", with_activation(Steep())),
        ("AveragePooling", pooling()),
    ],
)
def test_a_layer_that_c_does_not_know_is_attacked_in_torch(digits, kind, network):
    update, _, keys = clients(digits, [4, 17], 0.3, network=network)
    backend = choose(network, Attacker(), update.like)
    assert (backend.objective, backend.lbfgs) == (GradientMatching, LBFGS)
    assert f"layer {kind} is not compiled" in str(backend)
    fixed = Attacker(masks="fixed")
    objective = objective_for(update, fixed, keys)
    x, counts = start_row(objective, keys), torch.zeros(2, dtype=torch.int64)
    masks = [mask.squeeze(2) for mask in objective.masks(counts, 1)]
    for found, expected in zip(objective(x, counts), by_autograd(objective, x, masks), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    losses = []
    attacker = Attacker(masks="ignore", line_search="strong-wolfe")
    reconstruct(update, attacker, keys, 20, lambda *progress: losses.append(progress[2]))
    assert (losses[-1] < losses[0]).all()


def test_a_distance_that_c_does_not_know_runs_in_torch(monkeypatch):
    entry = Distance(DISTANCES["euclidean"].compute, "", "")
    monkeypatch.setitem(DISTANCES, "another", entry)
    backend = choose(LENET, Attacker(distance="another"), LIKE)
    assert backend.objective is GradientMatching
    assert "distance another is not compiled" in str(backend)


def test_without_a_compiler_attacks_run_in_torch(monkeypatch):
    monkeypatch.setattr(compiled, "find", lambda like: None)
    backend = choose(LENET, Attacker(), LIKE)
    assert (backend.objective, backend.lbfgs) == (GradientMatching, LBFGS)
    assert "cannot be compiled" in str(backend)


def test_all_reasons_are_named_and_nothing_is_built_for_nothing(monkeypatch):
    monkeypatch.setattr(compiled, "find", None)  # which cannot be called
    backend = choose(with_activation(Tanh()), Attacker(distance="another"), LIKE)
    assert backend.reason == "layer Tanh is not compiled; distance another is not compiled"


def test_on_a_gpu_torch_is_the_fastest():
    backend = choose(LENET, Attacker(), torch.empty(0, device="meta"))
    assert backend == ("torch", GradientMatching, LBFGS, None)
    assert str(backend) == "the attack runs in torch"
