from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_dip.errors import ImageError, KerasDipError
from keras_dip.images import as_picture
from keras_dip.images.convert import quantise, to_unit


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_level_comes_back(dtype):
    every = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    unit = to_unit(every)
    assert unit.dtype == np.float32
    assert unit[0] == 0 and unit[-1] == 1
    np.testing.assert_array_equal(quantise(unit, dtype), every)


@pytest.mark.parametrize("width", ["float16", "float32", "float64"])
def test_quantise_rounds_to_nearest_after_clipping(width):
    values = np.array([-1, 0, 0.4 / 255, 0.6 / 255, 0.5, 1, 7], width)
    np.testing.assert_array_equal(
        quantise(values, "uint8"), [0, 0, 0, 1, 128, 255, 255]
    )
    assert quantise(np.ones(1, width), "uint16") == 65535


@pytest.mark.parametrize(
    ("shape", "expected", "rank"),
    [
        ((3, 5), (3, 5, 1), 2),
        ((3, 5, 1), (3, 5, 1), 3),
        ((3, 5, 3), (3, 5, 3), 3),
        ((3, 5, 7), (3, 5, 7), 3),
        ((1, 1), (1, 1, 1), 2),
    ],
)
def test_shapes(levels, shape, expected, rank):
    picture, kind = as_picture(levels(*shape))
    assert picture.shape == expected
    assert kind.rank == rank


@pytest.mark.parametrize(
    ("dtype", "given", "unit", "kind"),
    [
        ("uint8", 51, 0.2, "uint8"),
        ("uint16", 13107, 0.2, "uint16"),
        (">u2", 13107, 0.2, "uint16"),
        ("bool", True, 1.0, "uint8"),
        ("float16", 0.25, 0.25, "float32"),
        ("float32", 0.25, 0.25, "float32"),
        (">f4", 0.25, 0.25, "float32"),
        ("float64", 0.25, 0.25, "float32"),
    ],
)
def test_types(dtype, given, unit, kind):
    picture, found = as_picture(np.full((2, 2), given, dtype))
    assert picture.dtype == np.float32
    np.testing.assert_allclose(picture, unit, rtol=1e-6)
    assert found.dtype == kind
    assert found.alpha is None


def test_the_picture_is_a_copy():
    given = np.zeros((2, 2, 3), np.float32)
    picture, _ = as_picture(given)
    given[:] = 1
    assert picture.max() == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((0, 4)), "at least one pixel"),
        (np.zeros((4, 4, 0)), "at least one pixel"),
        (Image.new("L", (0, 4)), "at least one pixel"),
        (np.zeros(4), r"Received: shape \(4,\)"),
        (np.zeros((1, 4, 4, 3)), r"Received: shape \(1, 4, 4, 3\)"),
        (np.float32(0.5), r"Received: shape \(\)"),
        (np.full((2, 2), np.nan), "NaN"),
        (np.full((2, 2), np.inf), "infinite"),
        (np.array([[0.0, 255.0]]), "Received: min 0, max 255"),
        (np.array([[-0.5, 0.5]]), "Received: min -0.5, max 0.5"),
        (np.zeros((2, 2), np.int32), "Received: dtype int32"),
        (np.zeros((2, 2), complex), "Received: dtype complex128"),
        (np.array([["a"]]), "Received: dtype str"),
        (Image.new("I", (2, 2)), "mode 'I'"),
        (Image.fromarray(np.full((2, 2), 9, np.float32)), "max 9"),
        ("cat.png", "PIL.Image.open.*Received: the path 'cat.png'"),
        (Path("cat.png"), "PIL.Image.open"),
        ([[0.0, 1.0]], "type list"),
        (None, "type NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(given, message):
    with pytest.raises(ImageError, match=message) as caught:
        as_picture(given)
    assert isinstance(caught.value, (ValueError, KerasDipError))
    assert "\n" not in str(caught.value)


def test_pillow_grey_and_colour(levels):
    grey, colour = levels(3, 5), levels(3, 5, 3)
    picture, kind = as_picture(Image.fromarray(grey))
    assert kind.rank == 2
    np.testing.assert_array_equal(picture[..., 0], to_unit(grey))
    picture, kind = as_picture(Image.fromarray(colour))
    assert kind.rank == 3
    np.testing.assert_array_equal(picture, to_unit(colour))


def test_pillow_16_bits_and_floats(levels):
    deep = levels(3, 5, dtype="uint16")
    picture, kind = as_picture(Image.fromarray(deep))
    assert (kind.rank, kind.dtype) == (2, "uint16")
    np.testing.assert_array_equal(picture[..., 0], to_unit(deep))
    picture, kind = as_picture(Image.fromarray(to_unit(deep)))
    assert (kind.rank, kind.dtype) == (2, "float32")
    np.testing.assert_array_equal(picture[..., 0], to_unit(deep))


@pytest.mark.parametrize("channels", [2, 4])
def test_pillow_alpha_is_set_aside(levels, channels):
    pixels = levels(3, 5, channels)
    picture, kind = as_picture(Image.fromarray(pixels))
    np.testing.assert_array_equal(picture, to_unit(pixels[..., :-1]))
    np.testing.assert_array_equal(kind.alpha, to_unit(pixels[..., -1]))


def test_pillow_palette_is_expanded():
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 255, 51, 0])
    picture, _ = as_picture(image)
    np.testing.assert_allclose(picture[0, 0], [1, 0.2, 0])


def test_pillow_orientation_is_applied_and_the_image_left_alone(levels):
    image = Image.fromarray(levels(3, 5))
    image.getexif()[274] = 6
    picture, _ = as_picture(image)
    np.testing.assert_array_equal(
        picture[..., 0], to_unit(np.rot90(np.asarray(image), -1))
    )
    assert image.size == (5, 3)


def test_a_truncated_pillow_image_is_refused(levels, encode, tmp_path):
    path = tmp_path / "cut.png"
    path.write_bytes(encode(levels(64, 64), "PNG")[:800])
    with (
        Image.open(path) as image,
        pytest.raises(ImageError, match="readable Pillow image"),
    ):
        as_picture(image)
