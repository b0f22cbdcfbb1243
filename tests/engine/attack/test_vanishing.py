"""Shared gradients that are numerically empty."""

from dataclasses import replace

import pytest
import torch
from problems import clients

from dropleak.engine import rng
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import reconstruct
from dropleak.engine.attack.reconstruction import Status
from dropleak.engine.attack.restarts import reconstruct_best
from dropleak.engine.attack.vanishing import vanished
from dropleak.engine.client.update import compute_update
from dropleak.engine.defences import make
from dropleak.engine.models.zoo import lenet, relu_convnet
from dropleak.planning.schema import load_presets

PRESETS = {name: Attacker(**own) for name, own in load_presets("attackers").items()}
CLOSED_FORM = PRESETS["closed-form"]
IDLG, COSINE = PRESETS["idlg"], PRESETS["inverting-gradients"]


def scaled(update, factor):
    """The same clients, with their shared gradients times a factor."""
    gradients = {name: factor * gradient for name, gradient in update.gradients.items()}
    return replace(update, gradients=gradients)


def in_float32(update):
    parts = {
        name: {key: tensor.float() for key, tensor in getattr(update, name).items()}
        for name in ("parameters", "gradients")
    }
    return replace(update, **parts)


def sure(size=64, classes=2, count=20):
    """Clients with smooth images of this size in so few classes that networks are sure of them."""
    each = torch.linspace(0.3, 0.9, count, dtype=torch.float64)[:, None, None, None]
    images = each * torch.linspace(0, 1, size, dtype=torch.float64).expand(count, 3, size, size)
    keys = rng.image_keys(0, torch.arange(count))[:, None]
    labels = (torch.arange(count) % classes)[:, None]
    network = lenet((3, size, size), classes)
    update, _ = compute_update(network, images[:, None], labels, keys, 0.0)
    return update, rng.attacker_keys(keys)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("network", [lenet, relu_convnet])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_ordinary_gradients_have_not_vanished(digits, network, rate, precision):
    update, _, _ = clients(digits, list(range(60)), rate, network=network((1, 32, 32), 10))
    if precision == torch.float32:
        update = in_float32(update)
    for attacker in PRESETS.values():
        assert not vanished(update, attacker).any()


def test_large_images_in_two_classes_make_some_of_them_vanish():
    update, keys = sure()
    error = update.gradients["classifier.bias"].abs().amax(1)  # p - y
    empty = vanished(update, IDLG)
    assert empty[error < 1e-8].all()
    assert not empty[error > 1e-3].any()
    assert 0 < empty.sum() < len(empty)
    some = torch.cat([empty.nonzero()[:2], (~empty).nonzero()[:2]]).flatten()
    result = reconstruct(update.select(some), IDLG, keys[some], 20, lambda *progress: None)
    assert [status == Status.VANISHED for status in result.status] == [True, True, False, False]


def test_the_scale_of_gradients_only_matters_to_squared_distances(digits):
    """Cosine distance and signs only need gradients with some correct digits."""
    update, _, _ = clients(digits, [4, 17], 0.0)
    small = scaled(update, 1e-9)
    euclidean_signs = replace(COSINE, distance="euclidean")
    for attacker in (IDLG, replace(IDLG, optimiser="adam"), PRESETS["mask-reading"]):
        assert vanished(small, attacker).all()
    for attacker in (COSINE, euclidean_signs):
        assert not vanished(small, attacker).any()


def test_rounding_errors_alone_count_as_empty(digits):
    """But to the closed form, whose every number is of the same rounded error."""
    update, _, _ = clients(digits, [4, 17], 0.0)
    assert not vanished(scaled(update, 1e-18), CLOSED_FORM).any()
    assert vanished(in_float32(scaled(update, 1e-40)), CLOSED_FORM).all()
    assert vanished(scaled(update, 0.0), CLOSED_FORM).all()
    for attacker in set(PRESETS.values()) - {CLOSED_FORM}:
        assert vanished(scaled(update, 1e-18), attacker).all()
        assert vanished(in_float32(scaled(update, 1e-9)), attacker).all()
        assert vanished(scaled(update, 0.0), attacker).all()


def test_the_direction_of_a_vanished_gradient_is_lost_to_rounding():
    """Independently: float32 and float64 agree on its direction, or not at all."""
    update, _ = sure()
    images = torch.linspace(0, 1, 64, dtype=torch.float64).expand(20, 1, 3, 64, 64)
    each = torch.linspace(0.3, 0.9, 20, dtype=torch.float64)[:, None, None, None, None]
    keys, labels = rng.image_keys(0, torch.arange(20)[:, None]), torch.arange(20)[:, None] % 2
    network, like = lenet((3, 64, 64), 2), torch.empty(0)
    rounded, _ = compute_update(network, each * images, labels, keys, 0.0, like)
    name = "conv3.weight"
    similarity = torch.cosine_similarity(
        update.gradients[name].flatten(1), rounded.gradients[name].double().flatten(1)
    )
    empty = vanished(rounded, COSINE)
    assert 0 < empty.sum() < len(empty)
    assert similarity[~empty].min() > 0.95


@pytest.mark.parametrize("images", [1, 4])
@pytest.mark.parametrize("dropout", ["classifier", "both"])
def test_nothing_is_shared_if_everything_was_dropped(digits, images, dropout):
    network = lenet((1, 32, 32), 10, dropout)
    update, private, keys = clients(
        digits, [4, 17, 2, 30], 0.999999, network=network, images=images
    )
    assert not private.masks[-1].any()
    assert update.gradients["classifier.bias"].abs().min() > 1e-3  # which says nothing of pixels
    for attacker in PRESETS.values():
        assert vanished(update, attacker).all()
    result = reconstruct(update, COSINE, keys, 20, lambda *progress: None)
    assert result.status == (Status.VANISHED,) * (4 // images)


def test_an_update_whose_errors_cancel_is_not_empty(digits):
    """The classifier's bias alone would suggest an empty gradient."""
    update, _, _ = clients(digits, [4, 17], 0.0, images=2)
    update.gradients["classifier.bias"].zero_()
    assert not vanished(update, IDLG).any()
    assert not vanished(update, COSINE).any()


def test_every_restart_sees_the_same_update(digits):
    update, _, keys = clients(digits, [4, 17], 0.0)
    for gradient in update.gradients.values():
        gradient[0] *= 1e-20
    attacker = replace(IDLG, restarts=3)
    result = reconstruct_best(update, attacker, keys, 20, lambda *progress: None)
    assert result.status[0] == Status.VANISHED
    assert result.status[1] != Status.VANISHED


def test_an_overflow_is_not_an_empty_gradient(digits):
    update, _, _ = clients(digits, [4], 0.0)
    update.gradients["conv1.weight"].fill_(torch.nan)
    assert not vanished(update, IDLG).any()


@pytest.mark.parametrize("kind", ["gaussian-noise", "quantisation"])
def test_who_weights_gradients_by_their_noise_takes_no_length_for_nothing(digits, kind):
    settings = {"gaussian-noise": {"standard_deviation": 1e-9}, "quantisation": {"bits": 8}}
    update, _, _ = clients(digits, [4, 17], 0.0)
    update = replace(scaled(update, 1e-6), defence=make({kind: settings[kind]}))
    assert vanished(update, IDLG).all()
    assert not vanished(update, replace(IDLG, adapts=True)).any()
