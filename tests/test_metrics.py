"""PSNR and SSIM, against scikit-image and by hand."""

import math

import numpy as np
import pytest
from skimage import metrics

from keras_dip.metrics import psnr, ssim


def pair(*shape, noise=0.1):
    generator = np.random.default_rng(3)
    reference = generator.uniform(0.2, 0.8, shape)
    return (reference + noise * generator.normal(size=shape)).astype("float32"), (
        reference.astype("float32")
    )


def test_psnr_by_hand():
    reference = np.full((4, 5, 3), 0.5, "float32")
    assert psnr(reference + 0.1, reference) == pytest.approx(20, abs=1e-4)
    assert psnr(reference - 0.001, reference) == pytest.approx(60, abs=1e-2)
    assert psnr(np.ones((2, 2, 1)), np.zeros((2, 2, 1))) == 0
    one_pixel = reference.copy()
    one_pixel[0, 0, 0] += 0.5
    assert psnr(one_pixel, reference) == pytest.approx(-10 * math.log10(0.25 / 60))
    assert psnr(reference, reference) == math.inf


@pytest.mark.parametrize("shape", [(16, 12, 1), (16, 12, 3), (7, 9, 5)])
def test_scikit_image(shape):
    picture, reference = pair(*shape)
    expected = metrics.peak_signal_noise_ratio(reference, picture, data_range=1)
    assert psnr(picture, reference) == pytest.approx(expected, abs=1e-4)
    assert isinstance(psnr(picture, reference), float)
    expected = np.mean(
        [
            metrics.structural_similarity(
                picture[..., i], reference[..., i], data_range=1.0
            )
            for i in range(shape[-1])
        ]
    )
    assert ssim(picture, reference) == pytest.approx(expected, abs=1e-5)
    assert isinstance(ssim(picture, reference), float)


def test_ssim_of_equal_and_of_different_pictures():
    picture, reference = pair(16, 12, 3)
    assert ssim(reference, reference) == pytest.approx(1)
    assert ssim(picture, reference) < 0.95
    assert ssim(1 - reference, reference) < 0


@pytest.mark.parametrize("shape", [(6, 40, 3), (40, 6, 1)])
def test_ssim_is_unknown_where_its_window_does_not_fit(shape):
    assert math.isnan(ssim(*pair(*shape)))
