import pytest
import torch
from problems import COMPILER, clients
from torch.nn import functional as F

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.objective import GradientMatching
from dropleak.engine.attack.reconstruct import objective_for, start_row
from dropleak.engine.backends.autograd.matching import AutogradMatching
from dropleak.engine.backends.compiled.matching import CompiledMatching
from dropleak.engine.client.training import initial_parameters
from dropleak.engine.client.update import compute_update
from dropleak.engine.models.zoo import DROPOUT_SITES, NETWORKS


@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("dropout", DROPOUT_SITES)
@pytest.mark.parametrize("name", ["lenet", "relu-convnet"])
@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 28, 19)])
def test_gradients_are_those_of_autograd(shape, name, dropout, images):
    network = NETWORKS[name].build(shape, 7, dropout)
    torch.manual_seed(0)
    pixels, labels = torch.rand(2, images, *shape).double(), torch.randint(7, (2, images))
    keys = rng.image_keys(0, torch.arange(2 * images).reshape(2, images))
    update, private = compute_update(network, pixels, labels, keys, 0.4)
    for client in range(2):
        own = {name: p[client].clone().requires_grad_() for name, p in update.parameters.items()}
        masks = [mask[client] for mask in private.masks]
        logits = [
            network.forward(own, pixels[client, image], [mask[image] for mask in masks])
            for image in range(images)
        ]
        loss = F.cross_entropy(torch.stack(logits), labels[client])
        expected = torch.autograd.grad(loss, list(own.values()))
        for name, gradient in zip(own, expected, strict=True):
            torch.testing.assert_close(update.gradients[name][client], gradient)


def test_problems_depend_on_seed_and_image_alone(digits):
    one, private_one, _ = clients(digits, [3, 8, 5], rate=0.2)
    two, private_two, _ = clients(digits, [8], rate=0.6)
    other, _, _ = clients(digits, [8], rate=0.6, seed=1)
    for name in one.parameters:
        assert torch.equal(one.parameters[name][1], two.parameters[name][0])
        assert not torch.equal(other.parameters[name], two.parameters[name])
    dropped_early, dropped_late = private_one.masks[0][1] == 0, private_two.masks[0][0] == 0
    assert dropped_late[dropped_early].all()


def test_a_dropped_feature_leaves_no_gradient(digits):
    update, private, _ = clients(digits, [0], rate=0.5)
    columns = update.gradients["classifier.weight"][0].abs().sum(0)
    assert torch.equal(columns == 0, private.masks[0][0, 0] == 0)


def test_oracle_masks_come_in_the_order_of_the_labels_that_an_attacker_infers(digits):
    labels = digits["test"]["label"].to_pylist()
    indices = [labels.index(9), labels.index(1)]
    update, private, keys = clients(digits, indices, 0.5, images=2)
    objective = objective_for(update, Attacker(masks="known"), keys, private.oracle_masks())
    images = private.images.flip(1).flatten(1)
    loss, _ = objective(images, torch.zeros(1, dtype=torch.int64))
    assert loss.item() < 1e-20


def test_the_truth_keeps_its_precision_whatever_the_dtype_of_the_attack(digits):
    exact, private, _ = clients(digits, [4, 17], 0.3)
    keys, like = rng.image_keys(0, torch.tensor([[4], [17]])), torch.empty(0)
    update, same = compute_update(exact.network, private.images, private.labels, keys, 0.3, like)
    assert torch.equal(same.images, private.images)
    for name, gradient in update.gradients.items():
        assert gradient.dtype == torch.float32
        torch.testing.assert_close(gradient.double(), exact.gradients[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "backend",
    [GradientMatching, AutogradMatching, pytest.param(CompiledMatching, marks=COMPILER)],
)
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("images", [1, 2])
def test_weights_in_common_are_like_the_same_for_each_client(digits, images, distance, backend):
    exact, private, keys = clients(digits, [4, 17, 3, 8], 0.3, images=images)
    network, count = exact.network, len(exact)
    common = {name: p[None] for name, p in initial_parameters(network, 0, "xavier").items()}
    each = {name: p.repeat(count, *[1] * (p.ndim - 1)) for name, p in common.items()}
    attacker = Attacker(masks="fixed", distance=distance, normalise=True)
    found = []
    for weights in (common, each):
        given = private.images, private.labels, rng.image_keys(0, torch.arange(4)).view(count, -1)
        update, _ = compute_update(network, *given, 0.3, weights=weights)
        plan = objective_for(update, attacker, keys)
        objective = backend(update, attacker, plan.labels, plan.masks)
        chosen = torch.arange(1, count)
        start, counts = start_row(objective, keys), torch.zeros(count, dtype=torch.int64)
        found.append(
            [
                *update.gradients.values(),
                *objective(start, counts),
                *objective.select(chosen)(start[chosen], counts[chosen]),
            ]
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
