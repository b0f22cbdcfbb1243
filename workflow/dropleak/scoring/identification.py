"""Whether a reconstruction gives away which image it shows."""

from collections.abc import Iterable

import numpy as np

TOLERANCE = 1e-6
"""A smaller difference of mean squared errors counts as a tie: what rounding to 8 bits changes."""


def ranks(
    reconstructions: np.ndarray, rmse: np.ndarray, candidates: Iterable[np.ndarray]
) -> tuple[np.ndarray, int]:
    """The rank of each private image among candidates, by Euclidean distance, nearest first.

    1 identifies the image; an attacker who guesses does that in one of N cases. Candidates that are
    as far away as the private image, and distances that are not numbers, count against the
    attacker.

    Args:
        reconstructions: [A, C, H, W], in [0, 1].
        rmse: [A], of each reconstruction from its private image.
        candidates: parts of the N images, which include the private ones, [M, C, H, W] in [0, 1].

    Returns:
        int64 [A], and N.
    """
    # Pixels are centred, as their distances then lose less to single precision.
    centred = _flat(reconstructions)
    own = np.square(rmse) + TOLERANCE - np.mean(np.square(centred), axis=1)
    farther, count = np.zeros(len(centred), np.int64), 0
    for part in candidates:
        images = _flat(part)
        square = np.einsum("mp,mp->m", images, images) / images.shape[1]
        apart = square[:, None] - images @ centred.T * (2 / images.shape[1])
        farther += (apart > own).sum(axis=0)
        count += len(images)
    return count - farther, count


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32, copy=False) - np.float32(0.5)
