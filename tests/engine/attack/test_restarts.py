import torch
from problems import clients

from dropleak.engine.attack import masks, separation
from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import reconstruct
from dropleak.engine.attack.restarts import reconstruct_best
from dropleak.engine.attack.separation import EXACT

QUIET = {"observe": lambda *progress: None}


def test_the_first_start_is_that_of_an_attack_without_restarts(digits):
    update, _, keys = clients(digits, [4, 17], 0.0)
    alone = reconstruct(update, Attacker(), keys, 40, **QUIET)
    seen = []
    settings = Attacker(restarts=3)
    reconstruct_best(update, settings, keys, 40, lambda *progress: seen.append(progress))
    iteration, images, loss = seen[-1]
    assert iteration == 40
    assert images.shape == (3, 2, 1, 1, 32, 32)
    torch.testing.assert_close(images[0], alone.images, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(loss[0], alone.loss, rtol=1e-4, atol=1e-8)
    assert not torch.equal(images[0], images[1])


def test_the_best_gradient_match_is_kept_whatever_the_truth(digits):
    update, _, keys = clients(digits, [4, 17, 30, 9], 0.4, images=2)
    attacker = Attacker(masks="fixed", restarts=4)
    seen = []
    best = reconstruct_best(update, attacker, keys, 60, lambda *progress: seen.append(progress))
    _, images, loss = seen[-1]
    assert torch.equal(best.restart, loss.argmin(0))
    assert torch.equal(best.loss, loss.amin(0))
    assert torch.equal(best.images, images[best.restart, torch.arange(2)])


def test_an_update_is_separated_once_for_all_starts(digits, monkeypatch):
    update, _, keys = clients(digits, [4, 17, 30, 9], 0.3, images=2)
    seen = []

    def separate(update):
        seen.append(len(update))
        return separation.separate(update)

    monkeypatch.setattr(masks, "separate_images", separate)
    attacker = Attacker(masks="separate", start="grey", line_search="strong-wolfe", restarts=3)
    best = reconstruct_best(update, attacker, keys, 20, **QUIET)
    assert seen == [2]
    assert best.claims == ((EXACT, EXACT),) * 2


def test_the_cost_of_all_restarts_is_counted(digits):
    update, _, keys = clients(digits, [4], 0.0)
    best = reconstruct_best(update, Attacker(restarts=3), keys, 40, **QUIET)
    assert best.iterations.tolist() == [120]
    assert best.evaluations.tolist() == [123]


def test_priors_do_not_affect_the_choice(digits):
    update, _, keys = clients(digits, [4, 17], 0.0)
    attacker = Attacker(
        distance="cosine", optimiser="adam", learning_rate=0.1, total_variation=10.0, restarts=3
    )
    best = reconstruct_best(update, attacker, keys, 20, **QUIET)
    assert (best.match < best.loss).all()
    each = [
        reconstruct(update, attacker, own, 20, **QUIET).match
        for own in (keys,)  # the first start
    ]
    assert (best.match <= each[0] + 1e-12).all()
