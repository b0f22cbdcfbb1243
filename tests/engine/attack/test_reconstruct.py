import pytest
import torch
from problems import COMPILER, clients

from dropleak.engine.attack.attacker import Attacker
from dropleak.engine.attack.reconstruct import reconstruct
from dropleak.engine.attack.reconstruction import Status
from dropleak.engine.backends import compiled


@pytest.fixture(autouse=True, params=[pytest.param("compiled", marks=COMPILER), "torch"])
def engine(request, monkeypatch):
    """Run every test with both."""
    if request.param == "torch":
        monkeypatch.setattr(compiled, "find", lambda like: None)


def run(digits, indices, rate, iterations, masks="resample"):
    """The reconstruction and the observations."""
    update, private, keys = clients(digits, indices, rate)
    seen = []
    result = reconstruct(
        update,
        Attacker(masks=masks),
        keys,
        iterations,
        lambda *progress: seen.append(progress),
    )
    return result, private, seen


@pytest.mark.parametrize(("rate", "masks"), [(0.0, "resample"), (0.4, "resample"), (0.4, "fixed")])
def test_an_attack_does_not_depend_on_its_batch(digits, rate, masks):
    """Over 20 iterations, in which the rounding of another batch size grows to 1e-5 in places.

    Later, exploding attacks amplify it without bound.
    """
    together, _, _ = run(digits, [4, 17, 30], rate, 20, masks)
    for place, index in enumerate([4, 17, 30]):
        alone, _, _ = run(digits, [index], rate, 20, masks)
        torch.testing.assert_close(alone.images[0], together.images[place], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(alone.loss[0], together.loss[place], rtol=1e-4, atol=1e-8)
        assert alone.status[0] == together.status[place]
        assert alone.iterations[0] == together.iterations[place]


def test_without_dropout_the_image_is_recovered(digits):
    result, private, seen = run(digits, [4, 17], 0.0, 400)
    rmse = ((result.images - private.images) ** 2).mean((1, 2, 3, 4)).sqrt()
    assert (rmse < 0.1).all()
    assert torch.equal(result.labels, private.labels)
    losses = torch.stack([loss for _, _, loss in seen])
    assert (losses[-1] < losses[0] / 1000).all()


def test_progress_is_observed_from_the_start_to_the_result(digits):
    result, _, seen = run(digits, [4, 17], 0.5, 60)
    assert [iteration for iteration, _, _ in seen] == [0, 20, 40, 60]
    assert seen[0][1].std() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(seen[-1][1], result.images)
    assert torch.equal(seen[-1][2], result.loss)


def test_an_attack_at_rest_leaves_the_batch_and_keeps_its_values(digits):
    result, _, seen = run(digits, [0, 6, 9, 15], 0.3, 400, masks="fixed")
    finished = (result.iterations < 400).nonzero().flatten()
    assert len(finished) > 0
    for row in finished.tolist():
        assert result.status[row] in (Status.CONVERGED, Status.DIVERGED, Status.STALLED)
        if result.status[row] != Status.STALLED:
            assert torch.equal(seen[-1][1][row], seen[-2][1][row])
            assert result.evaluations[row] < 401


def test_the_budget_is_not_exceeded(digits):
    result, _, _ = run(digits, [4], 0.0, 40)
    assert result.status == (Status.EXHAUSTED,)
    assert result.iterations.tolist() == [40]
    assert result.evaluations.tolist() == [41]


def test_an_exploded_image_is_diverged(digits):
    result, _, _ = run(digits, [0, 6, 8], 0.3, 200, masks="fixed")
    size = result.images.square().mean((1, 2, 3, 4)).sqrt()
    assert (size > 100).any()
    for status, rms in zip(result.status, size.tolist(), strict=True):
        assert (status == Status.DIVERGED) == (rms > 100)


def test_an_overflow_is_diverged_and_does_not_disturb_the_others(digits):
    clean, _, _ = run(digits, [4, 17], 0.0, 40)
    update, _, keys = clients(digits, [4, 17], 0.0)
    update.gradients["conv2.weight"][0, 0] = torch.nan
    result = reconstruct(update, Attacker(), keys, 40, lambda *progress: None)
    assert result.status == (Status.DIVERGED, Status.EXHAUSTED)
    assert result.images.isfinite().all()
    torch.testing.assert_close(result.images[1], clean.images[1], rtol=1e-5, atol=1e-5)
