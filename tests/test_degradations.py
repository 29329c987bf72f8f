import numpy as np
import pytest
from PIL import Image

from keras_dip.degradations import Degradation, crop, degrade, parse_degradation
from keras_dip.errors import ImageError


@pytest.mark.parametrize(
    ("text", "kind", "amount", "task"),
    [
        ("noise:25", "noise", 25.0, "denoise"),
        ("noise:0.5", "noise", 0.5, "denoise"),
        ("downscale:4", "downscale", 4.0, "super_resolve"),
        ("missing:0.5", "missing", 0.5, "inpaint"),
    ],
)
def test_a_text_stands_for_a_degradation(text, kind, amount, task):
    parsed = parse_degradation(text)

    assert parsed == Degradation(kind, amount) and parsed.task == task


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noise",
        "noise:",
        "noise:0",
        "noise:nan",
        "noise:256",
        "downscale:1",
        "downscale:2.5",
        "downscale:inf",
        "missing:0",
        "missing:1",
        "blur:3",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"Expected noise:SIGMA .* Received"):
        parse_degradation(text)


def test_noise_is_as_strong_as_asked_for_in_8_bits_and_always_the_same():
    grey = np.full((128, 128, 3), 128 / 255, "float32")
    noise = Degradation("noise", 10)

    noisy, mask = degrade(grey, noise, seed=3)

    assert mask is None and noisy.dtype == np.uint8
    difference = noisy.astype(float) - 128
    # Rounding adds the variance of a grey level, 1/12.
    assert difference.std() == pytest.approx(np.sqrt(100 + 1 / 12), rel=0.02)
    assert abs(difference.mean()) < 0.2
    np.testing.assert_array_equal(noisy, degrade(grey, noise, seed=3)[0])
    assert (noisy != degrade(grey, noise, seed=4)[0]).any()


def test_downscaling_is_that_of_pillow():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 3), "uint8")

    small, mask = degrade(pixels / np.float32(255), Degradation("downscale", 4), seed=0)

    expected = Image.fromarray(pixels).resize((2, 3), Image.Resampling.LANCZOS)
    assert mask is None
    np.testing.assert_array_equal(small, np.asarray(expected))


def test_downscaling_refuses_a_size_that_would_not_come_back():
    with pytest.raises(ImageError, match=r"multiples of 4 .*Received: 10x12 pixels"):
        degrade(np.zeros((12, 10), "float32"), Degradation("downscale", 4), seed=0)


@pytest.mark.parametrize("shape", [(100, 100), (100, 100, 3)])
def test_missing_pixels_are_black_and_told_by_the_mask(shape):
    white = np.ones(shape, "float32")

    holed, known = degrade(white, Degradation("missing", 0.3), seed=0)

    assert holed.dtype == np.uint8 and known.shape == (100, 100)
    assert 1 - known.mean() == pytest.approx(0.3, abs=0.02)
    assert (holed[known] == 255).all() and (holed[~known] == 0).all()


def test_cropping_keeps_the_centre():
    array = np.arange(7 * 9).reshape(7, 9)

    np.testing.assert_array_equal(crop(array, 4), array[1:5, 0:8])
    assert crop(array, 1).shape == (7, 9)
    with pytest.raises(ImageError, match=r"at least 8 pixels.*Received: 9x7"):
        crop(array, 8)
