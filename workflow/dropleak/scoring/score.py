"""The scores of attacks: final reconstructions, labels and masks against the truth."""

from dataclasses import dataclass

import numpy as np

from dropleak.engine.attack.reconstruction import Reconstruction
from dropleak.engine.client.update import Private
from dropleak.scoring import metrics
from dropleak.scoring.trajectory import Trajectory, TrajectoryObserver


@dataclass(frozen=True)
class Scores:
    """Scores of the attacks on B clients with n images each, in the order of the private images."""

    images: np.ndarray  # [B, n, C, H, W], reconstructions clipped to [0, 1]
    rmse_clipped: np.ndarray  # [B, n], as are the next two
    psnr: np.ndarray
    ssim: np.ndarray
    labels: np.ndarray  # int64 [B, n], inferred labels, in the order in which most are right
    mask_agreement: np.ndarray | None  # [B, n], share of features whose mask entry is right
    mask_claims: np.ndarray | None  # str [B, n], what the attacker says of the same masks
    trajectory: Trajectory


def score(reconstruction: Reconstruction, private: Private, observer: TrajectoryObserver) -> Scores:
    """Compare an attack's result and trajectory with the truth.

    Attackers cannot know the order of an update's images, so reconstructions are first assigned to
    images such that the sum of clipped RMSE is smallest. Labels and masks are assigned separately,
    because the order of reconstructions says nothing if they are noise.
    """
    trajectory = observer.trajectory(reconstruction.restart.cpu().numpy())
    images = metrics.clip(reconstruction.images.double().cpu().numpy())
    images = np.take_along_axis(images, trajectory.order[:, :, None, None, None], axis=1)
    truth = private.images.cpu().numpy()
    agreement, claims = _masks(reconstruction, private)
    return Scores(
        images=images,
        rmse_clipped=metrics.rmse(truth, images),
        psnr=metrics.psnr(truth, images),
        ssim=metrics.ssim(truth, images),
        labels=_matched_labels(reconstruction.labels.cpu().numpy(), private.labels.cpu().numpy()),
        mask_agreement=agreement,
        mask_claims=claims,
        trajectory=trajectory,
    )


def _matched_labels(inferred: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The inferred labels of each update, [B, n], in the order in which most of them are right."""
    wrong = true[:, :, None] != inferred[:, None, :]
    return np.take_along_axis(inferred, metrics.assign(wrong.astype(np.float64)), axis=1)


def _masks(
    reconstruction: Reconstruction, private: Private
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Share of each image's features with the right mask entry, in the best order of masks, and the
    claims about these masks.

    Returns:
        [B, n] each; None if the attacker did not look for masks, or there are none; None for claims
        that it does not make.
    """
    claims = None if reconstruction.claims is None else np.array(reconstruction.claims)
    if reconstruction.masks is None or not private.masks:
        return None, claims
    inferred, true = (
        np.concatenate([mask.cpu().numpy().reshape(*mask.shape[:2], -1) for mask in masks], axis=2)
        for masks in (reconstruction.masks, [mask > 0 for mask in private.masks])
    )
    agreement = np.stack(
        [(inferred[:, [j]] == true).mean(axis=2) for j in range(inferred.shape[1])], axis=2
    )
    order = metrics.assign(1 - agreement)
    agreement = np.take_along_axis(agreement, order[:, :, None], axis=2)[:, :, 0]
    return agreement, None if claims is None else np.take_along_axis(claims, order, axis=1)
