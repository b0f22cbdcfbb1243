"""Dropout gives away the images of an update, if an attacker separates them."""

import torch
from problems import COMPILER, clients

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import reconstruct
from dropleak.engine.attack.separation import EXACT
from dropleak.planning.schema import load_presets

SEPARATION = load_presets("attackers")["separation"]


def attack(digits, iterations, rate=0.3, **changes):
    """The result on an update of four digits, and the RMSE of each in the order of the labels."""
    update, private, keys = clients(digits, [0, 5, 13, 2], rate, images=4)
    attacker = Attacker(**SEPARATION | changes)
    result = reconstruct(update, attacker, keys, iterations, lambda *progress: None)
    order = private.labels[0].argsort()
    assert torch.equal(result.labels[0], private.labels[0, order])
    difference = result.images[0] - private.images[0, order]
    return result, difference.square().mean((1, 2, 3)).sqrt()


@COMPILER
def test_every_image_is_recovered_with_its_mask_and_label(digits):
    result, rmse = attack(digits, 400)
    assert result.claims == ((EXACT,) * 4,)
    assert (rmse < 0.1).all()


@COMPILER
def test_without_separation_it_fails_and_without_dropout_it_is_worse(digits):
    _, best = attack(digits, 200)
    _, together = attack(digits, 200, masks="read", features=0)
    result, without = attack(digits, 200, rate=0.0)
    assert (together > 2 * best).all()
    assert result.claims == ((EXACT,) * 4,)  # there is no mask
    assert without.mean() > best.mean()
