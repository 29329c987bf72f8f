"""Bayer mosaics: where each colour is, what a sensor sees, and bilinear filling."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_dip.ops.mosaic import PATTERNS, bilinear, mosaic, sites

sizes = st.integers(2, 17)
patterns = st.sampled_from(PATTERNS)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_read_row_by_row(pattern):
    mask = sites(pattern, 5, 7)
    names = np.array(list("RGB"))[mask.argmax(axis=-1)]
    assert "".join(names[:2, :2].ravel()) == pattern
    for row in range(5):
        for column in range(7):
            assert names[row, column] == names[row % 2, column % 2]


@given(height=sizes, width=sizes, pattern=patterns)
@settings(max_examples=40)
def test_a_sensor_sees_one_colour_per_pixel(height, width, pattern):
    mask = sites(pattern, height, width)
    np.testing.assert_array_equal(mask.sum(axis=-1), 1)
    x = uniform(2, height, width, 3)
    seen = keras.ops.convert_to_numpy(mosaic(x, pattern))
    assert (seen.shape, seen.dtype) == ((2, height, width, 1), "float32")
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1), (height - 1, width - 1)):
        channel = "RGB".index(pattern[row % 2 * 2 + column % 2])
        assert (seen[:, row, column, 0] == x[:, row, column, channel]).all()


@given(height=sizes, width=sizes, pattern=patterns)
@settings(max_examples=40)
def test_a_constant_colour_comes_back(height, width, pattern):
    colour = np.array([0.2, 0.5, 0.9], "float32")
    mask = sites(pattern, height, width)
    filled = bilinear(colour * mask, mask)
    assert filled.shape == (height, width, 3)
    np.testing.assert_allclose(filled, np.broadcast_to(colour, filled.shape), rtol=1e-6)


@given(height=sizes, width=sizes, pattern=patterns)
@settings(max_examples=40)
def test_what_was_measured_stays(height, width, pattern):
    x, mask = uniform(height, width, 3), sites(pattern, height, width)
    filled = bilinear(x * mask, mask)
    np.testing.assert_array_equal(filled[mask > 0], x[mask > 0])
    # The rest is of no meaning.
    np.testing.assert_array_equal(bilinear(x, mask), filled)


def test_filling_by_hand():
    mask = sites("RGGB", 5, 5)
    y = np.arange(25, dtype="float32").reshape(5, 5) ** 2
    filled = bilinear(y[..., np.newaxis] * mask, mask)
    # At blue: four green ones around, four red ones across.
    assert filled[1, 1, 1] == (y[0, 1] + y[1, 0] + y[1, 2] + y[2, 1]) / 4
    assert filled[1, 1, 0] == (y[0, 0] + y[0, 2] + y[2, 0] + y[2, 2]) / 4
    # At green: red beside, blue above and below.
    assert filled[2, 1, 0] == (y[2, 0] + y[2, 2]) / 2
    assert filled[2, 1, 2] == (y[1, 1] + y[3, 1]) / 2
    # In the corner there are fewer.
    assert filled[0, 0, 1] == (y[0, 1] + y[1, 0]) / 2
    assert filled[0, 0, 2] == y[1, 1]


def test_small_letters_will_do():
    np.testing.assert_array_equal(sites("grbg", 2, 2), sites("GRBG", 2, 2))


@pytest.mark.parametrize("pattern", ["RGBG", "", None, 3, ("R", "G", "G", "B")])
def test_there_is_no_such_pattern(pattern):
    message = r"Bayer pattern of RGGB, BGGR, GRBG, GBRG\. Received: "
    for function in (
        lambda: sites(pattern, 4, 4),
        lambda: mosaic(np.zeros((1, 4, 4, 3)), pattern),
    ):
        with pytest.raises(ValueError, match=message) as raised:
            function()
        assert str(raised.value).endswith(f"Received: {pattern!r}")
