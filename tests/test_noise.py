"""The level of noise, what clipping cut off it, and whether it is white."""

import numpy as np
import pytest
from scipy import ndimage

from keras_dip import DeepImagePrior, noise
from keras_dip.noise import before_clipping, noise_is_white, noise_sigma


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.2])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_noise_level_is_found_on_a_smooth_picture(sigma, channels):
    y, x = np.mgrid[0:96, 0:96] / 96
    smooth = np.repeat((0.3 + 0.4 * x * y)[..., np.newaxis], channels, axis=-1)
    noise = np.random.default_rng(0).normal(0, sigma, smooth.shape)
    found = noise_sigma((smooth + noise).astype("float32"))
    assert found == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize(("sigma", "fewer"), [(0.1, True), (0.3, False)])
def test_rounds_end_when_another_would_bring_nothing(monkeypatch, sigma, fewer):
    noisy = ramp() + np.random.default_rng(0).normal(0, sigma, (128, 128, 1))
    noisy = noisy.clip(0, 1).astype("float32")
    rounds, found = [], []
    clipping = noise._clipping
    monkeypatch.setattr(noise, "_clipping", lambda s: rounds.append(s) or clipping(s))
    for settled in (noise.SETTLED, 0):
        monkeypatch.setattr(noise, "SETTLED", settled)
        found.append((noise_sigma(noisy), len(rounds)))
        rounds.clear()
    (early, few), (whole, all_of_them) = found
    assert early == pytest.approx(whole, abs=0.05 / 255)
    assert (few < all_of_them) is fewer


def test_members_look_at_the_noise_once(monkeypatch, scene):
    looks = []
    monkeypatch.setattr(
        "keras_dip.tasks.base.noise_is_white", lambda x: not looks.append(x)
    )
    prior = DeepImagePrior("denoise", network="pixels", steps=2, members=3)
    picture = scene(24, 20, 3, noise=0.1)
    for count in (1, 2):  # and anew for each picture
        assert prior.fit(picture).settings["stop"] == "fission"
        assert len(looks) == count


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


def test_what_was_clipped_is_drawn_from_beyond():
    sigma, clean = 0.15, ramp(256, 256)
    noise = np.random.default_rng(0).normal(0, sigma, clean.shape)
    noisy = (clean + noise).clip(0, 1).astype("float32")
    whole = before_clipping(noisy, sigma, seed=1)
    assert whole.dtype == np.float32 and whole.shape == noisy.shape
    cut = (noisy <= 0) | (noisy >= 1)
    np.testing.assert_array_equal(whole[~cut], noisy[~cut])
    np.testing.assert_array_equal(whole.clip(0, 1), noisy)
    # The noise is Gaussian again: in mean, deviation, and share of its tail.
    ends = np.zeros(clean.shape, bool)
    ends[:, :16] = ends[:, -16:] = True
    for place in (ends, ~ends):
        left = (whole - clean)[place]
        assert abs(left.mean()) < 0.03 * sigma
        assert left.std() == pytest.approx(sigma, rel=0.03)
    dark = (whole - clean)[:, :16]
    assert abs(dark.mean()) < 0.1 * sigma
    assert np.mean(dark < -sigma) == pytest.approx(0.159, abs=0.03)
    assert (noisy - clean)[:, :16].mean() > 0.3 * sigma  # as the file has it


def test_what_is_drawn_beyond_has_a_seed():
    noise = np.random.default_rng(0).normal(0, 0.1, (32, 32, 1))
    noisy = (ramp(32, 32) + noise).clip(0, 1).astype("float32")
    first, same, other = (before_clipping(noisy, 0.1, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_pixel_that_no_noise_explains_stays(level):
    picture = np.full((16, 16, 1), 0.5, "float32")
    picture[8, 8] = level
    np.testing.assert_allclose(before_clipping(picture, 0.001, 0), picture, atol=1e-4)


def test_what_was_white_all_over_stays_finite():
    whole = before_clipping(np.ones((16, 16, 3), "float32"), 0.1, 0)
    assert whole.min() >= 1 and 1 < whole.mean() < 1.2
