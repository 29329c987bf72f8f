"""The level of noise, what clipping left of it, and whether it is white."""

import numpy as np
import pytest
from scipy import ndimage

from keras_dip.noise import clipped_deviation, noise_is_white, noise_sigma


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.2])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_noise_level_is_found_on_a_smooth_picture(sigma, channels):
    y, x = np.mgrid[0:96, 0:96] / 96
    smooth = np.repeat((0.3 + 0.4 * x * y)[..., np.newaxis], channels, axis=-1)
    noise = np.random.default_rng(0).normal(0, sigma, smooth.shape)
    found = noise_sigma((smooth + noise).astype("float32"))
    assert found == pytest.approx(sigma, rel=0.1)


def test_no_noise_is_found_where_there_is_none():
    flat = np.full((16, 16, 3), 0.5, "float32")
    assert noise_sigma(flat) == pytest.approx(0, abs=1e-9)
    narrow = np.random.default_rng(0).uniform(size=(3, 16, 1))
    assert noise_sigma(narrow.astype("float32")) == 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("levels", [10, 40])
def test_noise_is_white_until_it_is_blurred(scene, levels, channels):
    clean = scene(129, 96, channels)
    noise = np.random.default_rng(0).normal(0, levels / 255, clean.shape)
    assert noise_is_white((clean + noise).astype("float32"))
    blurred = ndimage.gaussian_filter(noise, (1, 1, 0))
    assert not noise_is_white((clean + blurred).astype("float32"))
    enlarged = noise[:65, :48].repeat(2, axis=0).repeat(2, axis=1)[:129]
    assert not noise_is_white((clean + enlarged).astype("float32"))


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 1, 1), (1, 64, 3), (3, 3, 1)])
def test_where_there_is_no_noise_it_is_not_white(shape):
    assert not noise_is_white(np.full(shape, 0.5, "float32"))


def test_a_smooth_picture_has_no_white_noise(scene):
    smooth = ndimage.gaussian_filter(scene(96, 96, 3), (4, 4, 0))
    assert not noise_is_white(smooth)


def ramp(height=128, width=128):
    """A picture from black to white, where noise is clipped at both ends."""
    return np.tile(np.linspace(0, 1, width), (height, 1))[..., np.newaxis]


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.2])
def test_the_noise_level_is_that_before_clipping(sigma):
    noise = np.random.default_rng(0).normal(0, sigma, (128, 128, 1))
    found = noise_sigma((ramp() + noise).clip(0, 1).astype("float32"))
    assert found == pytest.approx(sigma, rel=0.1)


def test_what_clipping_left_of_the_noise_is_known_at_each_pixel():
    sigma, clean = 0.1, ramp()
    rng = np.random.default_rng(0)
    noisy = [(clean + rng.normal(0, sigma, clean.shape)).clip(0, 1) for _ in range(100)]
    # By column: the rows are alike.
    expected = np.std(noisy, axis=0).mean(axis=(0, 2))
    found = clipped_deviation(noisy[0].astype("float32"), sigma)
    assert found.shape == clean.shape
    by_column = found.mean(axis=(0, 2))
    np.testing.assert_allclose(by_column, expected, atol=0.1 * sigma)
    assert by_column[0] < 0.75 * sigma
    assert by_column[64] == pytest.approx(sigma, rel=0.02)


def test_noise_that_nothing_clipped_is_the_same_everywhere():
    found = clipped_deviation(np.full((8, 9, 3), 0.5, "float32"), 0.1)
    np.testing.assert_allclose(found, np.full((8, 9, 3), 0.1), rtol=1e-6)
