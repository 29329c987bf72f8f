"""The pictures that studies are made on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from keras_dip.errors import ImageError
from keras_dip.experiments import pictures


def test_the_sample_is_a_colour_picture_of_the_size_asked_for():
    sample = pictures.natural(None, 40)
    assert sample.shape == (40, 40, 3) and sample.dtype == np.float32
    assert sample.std() > 0.1


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_a_file_gives_its_largest_square_around_the_centre(tmp_path, mode, channels):
    wide = np.zeros((32, 64), "uint8")
    wide[:, 16:48] = 200
    Image.fromarray(wide).convert(mode).save(tmp_path / "wide.png")
    picture = pictures.natural(tmp_path / "wide.png", 32)
    assert picture.shape == (32, 32, channels)
    np.testing.assert_allclose(picture, 200 / 255, atol=1e-6)
    assert pictures.natural(tmp_path / "wide.png", 16).shape == (16, 16, channels)


@pytest.mark.parametrize("size", [15, 257])
def test_a_size_that_the_picture_does_not_have_is_refused(size):
    with pytest.raises(ImageError, match=rf"16 to 256 pixels.*Received: {size}"):
        pictures.natural(None, size)


def test_noise_has_the_deviation_asked_for_and_8_bits():
    grey = np.full((64, 64, 3), 0.5, "float32")
    noisy = pictures.with_noise(grey, 0.1, seed=0)
    assert np.std(noisy - grey) == pytest.approx(0.1, rel=0.02)
    assert np.abs(noisy * 255 - np.rint(noisy * 255)).max() < 1e-4
    assert (noisy != pictures.with_noise(grey, 0.1, seed=1)).any()


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]), st.integers(0, 9))
def test_shuffling_keeps_every_pixel_with_its_colour(height, width, channels, seed):
    count = height * width * channels
    picture = np.arange(count, dtype="float32").reshape(height, width, channels)
    mixed = pictures.shuffled(picture, seed)
    assert mixed.shape == picture.shape
    assert sorted(map(tuple, mixed.reshape(-1, channels))) == list(
        map(tuple, picture.reshape(-1, channels))
    )


def test_white_noise_is_uniform():
    noise = pictures.uniform_noise(np.zeros((64, 64, 3), "float32"), 0)
    counts, _ = np.histogram(noise, 8, (0, 1))
    assert counts.sum() == noise.size
    assert np.abs(counts / noise.size - 1 / 8).max() < 0.01


def test_masks_miss_the_share_asked_for():
    picture = np.zeros((100, 100, 3), "float32")
    scattered = pictures.scattered_mask(picture, 0.5, 0)
    assert 1 - scattered.mean() == pytest.approx(0.5, abs=0.02)
    hole = pictures.hole_mask(picture, 0.3)
    assert (~hole).sum() == 30 * 30
    rows, columns = np.nonzero(~hole)
    assert np.ptp(rows) == np.ptp(columns) == 29  # one square, inside the picture
    assert rows.max() < 99 and columns.min() > 0
