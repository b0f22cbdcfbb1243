import modules
import pytest
import torch
from problems import clients
from torch import nn
from torch.nn import functional as F

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.labels import infer_labels, label_rule
from dropleak.engine.attack.reconstruct import objective_for
from dropleak.engine.models.layers import CLASSIFIER, Conv, Dropout, Flatten, Linear
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.network import Network

SIGNED = Network(
    (1, 32, 32),
    (Conv("conv", 4, 5, 4, 2), Flatten(), Dropout(), Linear(CLASSIFIER, 10)),
)
"""Whose features have both signs."""


def test_labels_are_read_from_the_gradient_at_every_rate(digits):
    indices = list(range(40))
    for rate in (0.0, 0.5, 0.9):
        update, private, keys = clients(digits, indices, rate)
        assert torch.equal(infer_labels(update, keys), private.labels)


def share_found(found, true):
    """Share of the labels [B, n] of updates that were found, in whatever order."""
    counts = [F.one_hot(labels, 10).sum(1) for labels in (found, true)]
    return torch.minimum(*counts).sum() / true.numel()


@pytest.mark.parametrize("rate", [0.0, 0.5])
@pytest.mark.parametrize("images", [2, 4, 8])
def test_most_labels_of_a_mean_gradient_are_found(digits, images, rate):
    update, private, keys = clients(digits, list(range(48)), rate, images=images)
    found = infer_labels(update, keys)
    assert torch.equal(found, found.sort().values)
    assert share_found(found, private.labels) > 0.85


@pytest.mark.parametrize("images", [2, 4])
def test_noise_does_not_put_every_class_into_an_update(digits, images):
    update, private, keys = clients(digits, list(range(48)), 0.3, images=images)
    weight = update.gradients["classifier.weight"]
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    update.gradients["classifier.weight"] = weight + 1e-6 * noise
    assert share_found(infer_labels(update, keys), private.labels) > 0.8


def test_labels_of_images_that_share_the_statistics_of_a_batch_norm_are_found(digits):
    torch.manual_seed(0)
    layers = [nn.Linear(1024, 8), nn.BatchNorm1d(8), nn.Sigmoid(), nn.Linear(8, 10)]
    module = nn.Sequential(nn.Flatten(), *layers)
    network = ModuleNetwork(module, (1, 32, 32), 10, batch_norm="batch")
    update, private, keys = clients(digits, list(range(40)), 0.0, network=network, images=4)
    assert share_found(infer_labels(update, keys), private.labels) > 0.8


def test_every_image_gets_a_label_even_where_the_gradient_says_nothing(digits):
    update, _, keys = clients(digits, [0, 1, 2, 3], 0.5, images=2)
    update.gradients["classifier.weight"].zero_()
    assert infer_labels(update, keys).shape == (2, 2)
    update.gradients["classifier.bias"].fill_(torch.nan)
    assert infer_labels(update, keys).shape == (2, 2)


def test_a_label_that_occurs_twice_is_counted_twice(digits):
    labels = digits["test"]["label"].to_pylist()
    ones = [index for index, label in enumerate(labels) if label == 1][:4]
    update, _, keys = clients(digits, ones, 0.0, images=4)
    assert infer_labels(update, keys).tolist() == [[1, 1, 1, 1]]


def test_with_features_of_both_signs_labels_are_read_from_the_bias(digits):
    update, private, keys = clients(digits, list(range(40)), 0.3, network=SIGNED)
    assert "bias" in label_rule(SIGNED, 1).basis
    assert torch.equal(infer_labels(update, keys), private.labels)


def test_and_those_of_several_images_from_the_bias_alone(digits):
    update, private, keys = clients(digits, list(range(40)), 0.3, network=SIGNED, images=2)
    found, true = infer_labels(update, keys), private.labels.sort().values
    assert (found == true).double().mean() > 0.8


@pytest.mark.parametrize(
    ("module", "basis"),
    [(modules.lenet, "sums lowest"), (modules.ConvNet, "sums lowest"), (modules.mlp, "signs")],
)
def test_labels_of_modules_are_read_from_their_last_linear_layer(digits, module, basis):
    network = ModuleNetwork(module(), (1, 32, 32), 10)
    update, private, keys = clients(digits, list(range(40)), 0.3, network=network)
    assert basis in label_rule(network, 1).basis
    assert torch.equal(infer_labels(update, keys), private.labels)


def test_without_a_rule_labels_are_optimised(digits):
    last = ModuleNetwork(nn.Sequential(nn.Conv2d(1, 10, 32), nn.Flatten()), (1, 32, 32), 10)
    two = nn.Sequential(nn.Flatten(), nn.Linear(1024, 2, bias=False))
    for network, images in [
        (last, 1),
        (ModuleNetwork(modules.mlp(), (1, 32, 32), 10), 2),
        (ModuleNetwork(two, (1, 32, 32), 2), 1),
    ]:
        assert label_rule(network, images) is None
    update, _, keys = clients(digits, [4, 17], 0.0, network=last)
    assert infer_labels(update, keys) is None
    assert objective_for(update, Attacker(), keys).labels is None
