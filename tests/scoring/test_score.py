"""Reconstructions, labels and masks of an update are scored, each in its best order."""

import numpy as np
import pytest
import torch

from dropleak.engine.attack.reconstruction import Reconstruction, Status
from dropleak.engine.client.update import Private
from dropleak.scoring.score import score
from dropleak.scoring.trajectory import TrajectoryObserver

ORDER = torch.tensor([[2, 0, 1], [1, 2, 0]])
"""The reconstruction of each of three images in two updates."""


def shuffled(values):
    """Values of the images, in the order of the reconstructions."""
    clients = torch.arange(2)[:, None]
    return values[clients, ORDER.argsort(1)]


@pytest.fixture
def private():
    torch.manual_seed(0)
    images = torch.rand(2, 3, 2, 8, 8, dtype=torch.float64)
    labels = torch.tensor([[4, 4, 1], [0, 2, 7]])
    return Private(images, labels, (torch.rand(2, 3, 12) < 0.5, torch.rand(2, 3, 5, 4) < 0.5))


@pytest.fixture
def observer(private):
    return TrajectoryObserver(private.images.numpy(), np.array([0.2, 0.5]))


def reconstruction(private, **changes):
    """A perfect reconstruction, except for its order."""
    count = torch.zeros(2, dtype=torch.int64)
    parts = {
        "images": shuffled(private.images),
        "labels": private.labels.sort().values,
        "loss": torch.zeros(2),
        "match": torch.zeros(2),
        "status": (Status.EXHAUSTED,) * 2,
        "iterations": count,
        "evaluations": count,
        "masks": tuple(shuffled(mask) for mask in private.masks),
        "claims": None,
        "restart": count,
    }
    return Reconstruction(**(parts | changes))


def observe(observer, *starts):
    """Let the observer see some starts."""
    observer.observe(0, torch.stack(starts), torch.arange(2.0 * len(starts)).reshape(-1, 2))


def test_the_order_of_images_does_not_matter(private, observer):
    perfect = reconstruction(private)
    observe(observer, perfect.images)
    scores = score(perfect, private, observer)
    assert torch.equal(torch.from_numpy(scores.trajectory.order), ORDER)
    assert np.array_equal(scores.images, private.images.numpy())
    assert (scores.rmse_clipped == 0).all()
    assert np.isinf(scores.psnr).all()
    assert scores.ssim == pytest.approx(np.ones((2, 3)))
    assert scores.labels.tolist() == private.labels.tolist()
    assert scores.mask_agreement.tolist() == np.ones((2, 3)).tolist()


def test_labels_and_masks_are_matched_separately(private, observer):
    """Their order does not depend on the reconstructions."""
    noise = reconstruction(private, images=torch.randn(2, 3, 2, 8, 8, dtype=torch.float64))
    observe(observer, noise.images)
    scores = score(noise, private, observer)
    assert scores.labels.tolist() == private.labels.tolist()
    assert (scores.mask_agreement == 1).all()


def test_claims_follow_their_masks(private, observer):
    claims = np.array([["one", "two", "three"], ["four", "five", "six"]])
    given = tuple(map(tuple, shuffled(torch.arange(6).reshape(2, 3)).tolist()))
    own = reconstruction(
        private, claims=tuple(tuple(claims.flat[place] for place in row) for row in given)
    )
    observe(observer, own.images)
    assert score(own, private, observer).mask_claims.tolist() == claims.tolist()


def test_wrong_labels_and_mask_entries_are_counted(private, observer):
    labels = torch.tensor([[1, 4, 9], [0, 2, 7]])
    masks = tuple(shuffled(mask) for mask in private.masks)
    masks[0][0, 0, :8] ^= True
    wrong = reconstruction(private, labels=labels, masks=masks)
    observe(observer, wrong.images)
    scores = score(wrong, private, observer)
    assert (scores.labels == private.labels.numpy()).sum(1).tolist() == [2, 3]
    agreement = scores.mask_agreement.ravel()
    assert sorted(agreement)[1:] == [1] * 5
    assert min(agreement) == pytest.approx(1 - 8 / 32)


def test_without_masks_there_is_no_agreement(private, observer):
    blind = reconstruction(private, masks=None)
    observe(observer, blind.images)
    assert score(blind, private, observer).mask_agreement is None


def test_the_trajectory_is_that_of_the_start_that_was_kept(private, observer):
    off = shuffled(private.images) + 0.5
    observe(observer, off, shuffled(private.images))
    kept = reconstruction(private, restart=torch.tensor([1, 0]))
    trajectory = observer.trajectory(kept.restart.numpy())
    assert trajectory.loss.tolist() == [[2.0], [1.0]]
    assert trajectory.rmse[:, :, 0] == pytest.approx(np.array([[0.0] * 3, [0.5] * 3]))
    standardised = 0.5 * np.sqrt((1 / 0.2**2 + 1 / 0.5**2) / 2)
    assert trajectory.rmse_standardised[1, :, 0] == pytest.approx([standardised] * 3)
    assert (trajectory.rmse_clipped[1] < 0.5).all()
