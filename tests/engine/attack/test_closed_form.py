"""Images that are solved for."""

from dataclasses import replace

import pytest
import torch
from problems import clients
from torch import nn

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.closed_form import obstacle
from dropleak.engine.attack.masks import EXACT
from dropleak.engine.attack.reconstruct import reconstruct
from dropleak.engine.attack.reconstruction import Status
from dropleak.engine.client.update import compute_update
from dropleak.engine.models.layers import ReLU, Sigmoid
from dropleak.engine.models.module import ModuleNetwork
from dropleak.engine.models.zoo import lenet, relu_convnet

SHAPE = (1, 32, 32)
ATTACKER = Attacker(masks="read", optimiser="closed-form")


def attack(update, keys, attacker=ATTACKER):
    """The reconstruction and the observations."""
    seen = []
    result = reconstruct(update, attacker, keys, 40, lambda *progress: seen.append(progress))
    return result, seen


def rmse(result, private):
    return (result.images - private.images).square().mean((2, 3, 4)).sqrt()


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.7])
def test_one_image_is_recovered_at_any_rate(digits, rate):
    update, private, keys = clients(digits, [4, 17], rate)
    result, seen = attack(update, keys)
    assert (rmse(result, private) < 1e-4).all()
    assert torch.equal(result.labels, private.labels)
    assert torch.equal(result.masks[0], private.masks[0] > 0)
    assert result.claims == ((EXACT,), (EXACT,))
    assert result.status == (Status.CONVERGED,) * 2
    assert (result.loss < 1e-6).all()
    assert result.iterations.tolist() == [0, 0]
    assert result.evaluations.tolist() == [1, 1]
    assert [iteration for iteration, _, _ in seen] == [0, 40]
    for _, images, loss in seen:
        assert torch.equal(images, result.images)
        assert torch.equal(loss, result.loss)


def test_rounding_of_the_gradient_hardly_matters():
    random = torch.Generator().manual_seed(0)
    images = torch.rand(1, 1, 3, 32, 32, generator=random)
    keys, labels = rng.image_keys(0, torch.zeros(1, 1, dtype=torch.int64)), torch.tensor([[3]])
    update, private = compute_update(lenet((3, 32, 32), 10), images, labels, keys, 0.3)
    assert update.dtype == torch.float32
    result, _ = attack(update, rng.attacker_keys(keys))
    assert (rmse(result, private) < 1e-3).all()


@pytest.mark.parametrize("site", ["convolutions", "both"])
def test_dropout_after_convolutions_is_undone_as_well(digits, site):
    network = lenet(SHAPE, 10, site)
    update, private, keys = clients(digits, [4, 17], 0.3, network=network)
    result, _ = attack(update, keys)
    assert (rmse(result, private) < 1e-2).all()
    for found, mask in zip(result.masks[:2], private.masks[:2], strict=True):
        assert (found == (mask > 0)).double().mean() > 0.999
    assert (result.loss < 1e-4).all()
    assert "before convolutions count as dropped" in result.claims[0][0]


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_the_size_of_the_gradient_does_not_matter(digits, scale):
    """Where the network is sure of an image, other attacks see an empty gradient."""
    update, private, keys = clients(digits, [4], 0.3)
    gradients = {name: scale * gradient for name, gradient in update.gradients.items()}
    result, _ = attack(replace(update, gradients=gradients), keys)
    assert (rmse(result, private) < 1e-4).all()
    assert result.status == (Status.CONVERGED,)


def test_an_image_that_explodes_has_diverged(digits):
    update, _, keys = clients(digits, [4, 17], 0.3)
    update.gradients["conv1.weight"][0] *= 1e9
    result, _ = attack(update, keys)
    assert result.status == (Status.DIVERGED, Status.CONVERGED)


def test_what_is_empty_or_not_finite_is_grey_and_does_not_disturb_the_others(digits):
    update, private, keys = clients(digits, [4, 17, 30], 0.3)
    update.gradients["conv2.weight"][0, 0] = torch.nan
    for gradient in update.gradients.values():
        gradient[2] = 0
    result, _ = attack(update, keys)
    assert result.status == (Status.DIVERGED, Status.CONVERGED, Status.VANISHED)
    assert (result.images[[0, 2]] == 0.5).all()
    assert rmse(result, private)[1] < 1e-4


def test_where_it_does_not_apply_the_image_is_grey_and_the_claim_says_why(digits):
    module = nn.Sequential(nn.Flatten(), nn.Linear(1024, 20), nn.Sigmoid(), nn.Linear(20, 10))
    for reason, network, images in (
        ("the closed form is for one image", None, 2),
        ("the closed form needs the inverse of ReLU", relu_convnet(SHAPE, 10), 1),
        ("the closed form is not for torch modules", ModuleNetwork(module, SHAPE, 10), 1),
    ):
        update, _, keys = clients(digits, [4, 17], 0.3, network=network, images=images)
        result, _ = attack(update, keys)
        assert result.status == (Status.INAPPLICABLE,) * len(update)
        assert result.claims == ((reason,) * images,) * len(update)
        assert result.masks is None
        assert (result.images == 0.5).all()
        assert result.loss.isfinite().all()


def test_networks_that_cannot_be_undone_say_why():
    network = lenet(SHAPE, 10)
    assert obstacle(network, 1) is None
    assert "too few equations for the input of conv2" in obstacle(lenet((3, 64, 64), 10), 1)
    layers = list(network.layers)
    layers[1] = ReLU()
    assert "inverse of ReLU" in obstacle(replace(network, layers=tuple(layers)), 1)
    convolution, _, *others = lenet(SHAPE, 10, "convolutions").layers
    signed = replace(network, layers=(convolution, *others))
    assert "positive" in obstacle(signed, 1)


def test_the_inverse_of_a_sigmoid():
    x = torch.linspace(-9, 9, 19, dtype=torch.float64)
    torch.testing.assert_close(Sigmoid().inverse(Sigmoid().apply({}, x)), x)
    outside = torch.tensor([-0.1, 0.0, 1.0, 1.1])
    assert not Sigmoid().inverse(outside).isfinite().any()
