"""How close reconstructions are to the private images, on pixels in [0, 1]."""

import numpy as np
from skimage.metrics import structural_similarity


def rmse(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Root mean squared error over all pixels and channels.

    Args:
        images, reconstructions: [B, C, H, W].

    Returns:
        float64 [B]; infinite or nan where a reconstruction is.
    """
    difference = reconstructions.astype(np.float64) - images.astype(np.float64)
    return np.sqrt(np.mean(difference**2, axis=(1, 2, 3)))


def clip(reconstructions: np.ndarray) -> np.ndarray:
    """Projection to [0, 1], as anyone who looks at an image does; nan becomes 0."""
    return np.clip(np.nan_to_num(reconstructions, posinf=1.0, neginf=0.0), 0.0, 1.0)


def psnr(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in decibels, float64 [B]; infinite for equal images.

    Args:
        images, reconstructions: [B, C, H, W] in [0, 1].
    """
    with np.errstate(divide="ignore"):
        return -20 * np.log10(rmse(images, reconstructions))


def ssim(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004), 7x7 windows, mean over channels: float64 [B].

    Args:
        images, reconstructions: [B, C, H, W] in [0, 1], at least 7 pixels high and wide.
    """
    return np.array(
        [
            structural_similarity(image, reconstruction, data_range=1.0, channel_axis=0)
            for image, reconstruction in zip(images, reconstructions, strict=True)
        ]
    )
