"""Total variation whose weight falls from stage to stage."""

from dataclasses import replace

import torch
from problems import COMPILER, clients

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.priors import total_variation
from dropleak.engine.attack.reconstruct import objective_for, reconstruct, start_row
from dropleak.engine.backends import compiled

ATTACKER = Attacker(
    masks="separate",
    start="grey",
    line_search="strong-wolfe",
    total_variation=0.1,
    total_variation_smoothing=0.02,
    stages=3,
)


def test_the_weight_falls_to_a_tenth_from_stage_to_stage(digits):
    update, _, keys = clients(digits, [0, 5], 0.3, images=2)
    objective = objective_for(update, ATTACKER, keys)
    x, counts = start_row(objective, keys), torch.zeros(1, dtype=torch.int64)
    distance, _ = objective.match(x, counts)
    variation, _ = total_variation(objective.variables.split(x)[0], 0.02)
    for stage, weight in enumerate([0.1, 0.01, 0.001]):
        value, _ = objective.at_stage(stage)(x, counts)
        torch.testing.assert_close(value - distance, weight * variation, rtol=1e-6, atol=1e-15)


@COMPILER
def test_c_and_torch_take_the_same_path_through_the_stages(digits, monkeypatch):
    update, _, keys = clients(digits, [0, 5, 9, 2], 0.3, images=2)

    def attack():
        seen = []
        reconstruct(update, ATTACKER, keys, 60, lambda *progress: seen.append(progress))
        return seen

    in_c = attack()
    monkeypatch.setattr(compiled, "find", lambda like: None)
    for (_, *found), (_, *expected) in zip(in_c, attack(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_an_attack_at_rest_waits_for_the_next_stage(digits):
    update, _, keys = clients(digits, [0], 0.3)
    smooth = replace(ATTACKER, total_variation=1000.0, total_variation_smoothing=1.0)
    losses = []
    result = reconstruct(update, smooth, keys, 1200, lambda i, x, loss: losses.append(loss.item()))
    assert result.iterations < 1200
    first, second, third = losses[19], losses[39], losses[-1]
    assert losses[18] == first  # at rest
    assert second < first / 5
    assert third < second / 5


def test_grey_starts_are_near_grey_and_differ(digits):
    update, _, keys = clients(digits, [0, 5], 0.3)
    start = start_row(objective_for(update, ATTACKER, keys), keys)
    assert ((start - 0.5).abs() < 0.06).all()
    assert not torch.equal(start[0], start[1])
