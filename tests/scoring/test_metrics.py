import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from dropleak.scoring import metrics


@pytest.fixture
def images():
    return np.random.default_rng(0).random((3, 3, 16, 16))


def test_rmse_is_on_the_pixel_range(images):
    assert metrics.rmse(images, images + 0.25) == pytest.approx([0.25] * 3)
    assert metrics.rmse(images, images * 0 + 1e8)[0] == pytest.approx(1e8)
    assert metrics.rmse(images, images * np.nan).tolist() == pytest.approx(
        [np.nan] * 3, nan_ok=True
    )


def test_reconstructions_of_an_update_are_matched_to_its_images():
    rng = np.random.default_rng(0)
    images = rng.random((2, 3, 1, 8, 8))
    order = [[2, 0, 1], [1, 2, 0]]  # index of each image's reconstruction
    shuffled = np.stack([images[b][np.argsort(order[b])] for b in range(2)])
    noisy = shuffled + 0.1 * rng.standard_normal(shuffled.shape)
    (distances,) = metrics.pairwise_rmse(images, noisy, [np.ones(())])
    assert distances.shape == (2, 3, 3)
    assert distances[1, 0, 2] == pytest.approx(metrics.rmse(images[1, :1], noisy[1, 2:])[0])
    assert metrics.assign(distances).tolist() == order
    assert metrics.assign(distances[:, :1, :1]).tolist() == [[0], [0]]


def test_rmse_on_another_scale_equals_that_of_scaled_images():
    rng = np.random.default_rng(0)
    images, others = rng.random((2, 4, 2, 3, 8, 8))
    scale = np.array([0.2, 0.3, 0.5])
    (distances,) = metrics.pairwise_rmse(images, others, [scale])
    shape = scale[:, None, None]
    assert distances[:, 0, 1] == pytest.approx(
        metrics.rmse(images[:, 0] / shape, others[:, 1] / shape)
    )


def test_the_assignment_is_optimal_not_greedy():
    distances = np.array([[[0.1, 0.2], [0.1, 0.9]]])
    assert metrics.assign(distances).tolist() == [[1, 0]]


def test_clipping_projects_to_valid_pixels():
    wild = np.array([[-3.0, 0.4, 7.0, np.nan, np.inf, -np.inf]])
    assert metrics.clip(wild).tolist() == [[0.0, 0.4, 1.0, 0.0, 1.0, 0.0]]


def test_psnr_agrees_with_scikit_image(images):
    noisy = metrics.clip(images + 0.1 * np.random.default_rng(1).standard_normal(images.shape))
    expected = [
        peak_signal_noise_ratio(image, other, data_range=1.0)
        for image, other in zip(images, noisy, strict=True)
    ]
    assert metrics.psnr(images, noisy) == pytest.approx(expected)
    assert np.isposinf(metrics.psnr(images, images)).all()


def test_ssim_of_constant_images_is_its_luminance_term():
    # Wang et al. 2004, equation 6, with C1 = (0.01 * range)^2: the contrast term is 1.
    a, b, c1 = 0.25, 0.75, 0.01**2
    ones = np.ones((1, 1, 16, 16))
    expected = (2 * a * b + c1) / (a**2 + b**2 + c1)
    assert metrics.ssim(a * ones, b * ones) == pytest.approx([expected])
    assert metrics.ssim(a * ones, a * ones) == pytest.approx([1.0])
