"""Distances between reconstructions and private images, on pixels in [0, 1]."""

from collections.abc import Sequence
from functools import partial

import numpy as np


def rmse(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Root mean squared error over all pixels and channels.

    Args:
        images, reconstructions: [..., C, H, W].

    Returns:
        float64 [...]; infinite or nan where the reconstruction is.
    """
    difference = reconstructions.astype(np.float64) - images.astype(np.float64)
    return np.sqrt(np.mean(difference**2, axis=(-3, -2, -1)))


def pairwise_rmse(
    images: np.ndarray, reconstructions: np.ndarray, scales: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """RMSE of each reconstruction in an update from each image in it, on several scales.

    Args:
        images, reconstructions: [B, n, C, H, W].
        scales: divisors of each channel's error, [C] or [].

    Returns:
        for each scale float64 [B, n, n]: image i and reconstruction j.
    """
    images, reconstructions = images.astype(np.float64), reconstructions.astype(np.float64)
    differences = (reconstructions[:, [j]] - images for j in range(images.shape[1]))
    mse = np.stack([np.mean(d**2, axis=(3, 4)) for d in differences], axis=2)
    return [np.sqrt(np.mean(mse / scale**2, axis=-1)) for scale in scales]


def assign(distances: np.ndarray) -> np.ndarray:
    """Assign reconstructions to images so that the sum of distances is smallest.

    Uses `scipy.optimize.linear_sum_assignment`.

    Args:
        distances: [B, n, n], finite.

    Returns:
        the reconstruction of each image, int64 [B, n].
    """
    if distances.shape[1] == 1:
        return np.zeros(distances.shape[:2], np.int64)
    from scipy.optimize import linear_sum_assignment  # slow to import

    return np.stack([linear_sum_assignment(matrix)[1] for matrix in distances])


def clip(reconstructions: np.ndarray) -> np.ndarray:
    """Projection to [0, 1], as any viewer of images does; nan becomes 0."""
    return np.clip(np.nan_to_num(reconstructions, posinf=1.0, neginf=0.0), 0.0, 1.0)


def psnr(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in decibels, float64 [...]; infinite for equal images.

    Args:
        images, reconstructions: [..., C, H, W] in [0, 1].
    """
    with np.errstate(divide="ignore"):
        return -20 * np.log10(rmse(images, reconstructions))


def ssim(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004), 7x7 windows, mean over channels: float64 [...].

    Args:
        images, reconstructions: [..., C, H, W] in [0, 1], at least 7 pixels high and wide.
    """
    from skimage.metrics import structural_similarity  # not needed for tables and figures

    of_image = partial(structural_similarity, data_range=1.0, channel_axis=0)
    return np.vectorize(of_image, signature="(c,h,w),(c,h,w)->()")(images, reconstructions)
