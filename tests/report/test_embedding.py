"""A picture inside a page is the picture, in few bytes."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from keras_dip.images.convert import quantise
from keras_dip.report.embedding import embedded

NOISE = np.random.default_rng(0).random((700, 700, 3)).astype("float32")


def opened(picture):
    head, _, data = picture.uri.partition(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == f"data:image/{image.format.lower()};base64"
    return image


@pytest.mark.parametrize(
    ("shape", "mode"),
    [((6, 8), "L"), ((6, 8, 1), "L"), ((6, 8, 3), "RGB"), ((6, 8, 5), "RGB")],
)
def test_small_pictures_are_exact(scene, shape, mode):
    picture = scene(*shape)
    image = opened(embedded(picture))
    assert (image.format, image.mode, image.size) == ("PNG", mode, (8, 6))
    expected = quantise(picture, "uint8").reshape(6, 8, -1)[..., : len(mode)]
    np.testing.assert_array_equal(np.asarray(image).reshape(6, 8, -1), expected)


def test_two_channels_are_shown_as_the_first(scene):
    assert opened(embedded(scene(6, 8, 2))).mode == "L"


def test_what_png_makes_large_is_webp_and_says_so():
    small = embedded(NOISE)
    image = opened(small)
    assert (image.format, image.size) == ("WEBP", (700, 700))
    assert small.how == "WebP of quality 95" and len(small.uri) < 1_400_000


def test_large_pictures_are_reduced_and_say_so(scene):
    large = embedded(scene(30, 300, 3), longest=100)
    assert opened(large).size == (100, 10)
    assert (large.width, large.height) == (300, 30) and "100x10 pixels" in large.how


def test_unknown_pixels_are_transparent(scene):
    known = np.ones((6, 8, 1))
    known[2:4, 3] = 0
    alpha = np.asarray(opened(embedded(scene(6, 8), known=known)))[..., 3]
    np.testing.assert_array_equal(alpha, known[..., 0] * 255)
