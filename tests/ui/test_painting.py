"""Strokes become missing pixels, beside those that are missing already."""

import numpy as np
import pytest
from PIL import Image

from keras_dip import images
from keras_dip.cli.ui.painting import painted, with_painting
from keras_dip.errors import ImageError

SIZE = (6, 8)


def layer(*rows, size=SIZE):
    """An RGBA layer with some rows painted over."""
    pixels = np.zeros((*size, 4), "uint8")
    for row in rows:
        pixels[row] = (255, 45, 120, 255)
    return pixels


@pytest.fixture
def holes():
    return painted([layer(2)], SIZE)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.png"
    Image.fromarray(np.full((*SIZE, 3), 90, "uint8")).save(path)
    return str(path)


def written(path):
    return np.asarray(Image.open(path)) > 127


def test_strokes_are_holes():
    found = painted([layer(2), None, layer(4)], SIZE)
    expected = np.zeros(SIZE, bool)
    expected[[2, 4]] = True
    np.testing.assert_array_equal(found, expected)


def test_no_stroke_is_no_mask():
    assert painted([layer()], SIZE) is None
    assert painted([], SIZE) is None


def test_the_faint_edge_of_a_stroke_is_no_hole():
    faint = layer(2)
    faint[2, :, 3] = 100
    assert painted([faint], SIZE) is None


def test_a_canvas_of_another_size_is_brought_to_that_of_the_picture():
    found = painted([layer(4, 5, size=(12, 16))], SIZE)
    assert found.shape == SIZE
    assert found[2].all() and not found[4:].any() and not found[:1].any()


def test_what_is_painted_is_missing(source, holes, tmp_path):
    values = {"mask": None, "invert_mask": False, "keep_known": True}
    same, options = with_painting(source, values, "mask", holes, tmp_path)
    assert same == source
    assert options["keep_known"] and not options["invert_mask"]
    np.testing.assert_array_equal(written(options["mask"]), ~holes)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_mask_file_stays_missing_too(source, holes, tmp_path, inverted):
    known = np.ones(SIZE, bool)
    known[:, 1] = False
    file = tmp_path / "given.png"
    Image.fromarray(np.where(known ^ inverted, 255, 0).astype("uint8")).save(file)
    values = {"mask": str(file), "invert_mask": inverted}
    _, options = with_painting(source, values, "mask", holes, tmp_path)
    assert not options["invert_mask"]
    np.testing.assert_array_equal(written(options["mask"]), known & ~holes)


def test_a_mask_file_of_another_size_is_refused(source, holes, tmp_path):
    file = tmp_path / "given.png"
    Image.fromarray(np.full((3, 4), 255, "uint8")).save(file)
    message = "of the picture's size, 8x6 pixels. Received: 4x3 pixels"
    with pytest.raises(ImageError, match=message):
        with_painting(source, {"mask": str(file)}, "mask", holes, tmp_path)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_transparent_picture_gets_more_holes(holes, tmp_path, mode):
    pixels = np.full((*SIZE, 4), 255, "uint8")
    pixels[..., 3][:, 1] = 0
    path = tmp_path / "in.png"
    Image.fromarray(pixels).convert(mode).save(path)
    values = {"mask": None, "invert_mask": False}
    pierced, options = with_painting(str(path), values, "mask", holes, tmp_path)
    assert options["mask"] is None
    _, info = images.read(pierced)
    expected = holes.copy()
    expected[:, 1] = True
    np.testing.assert_array_equal(info.alpha == 0, expected)
    _, untouched = images.read(path)
    assert (untouched.alpha[2, 2:] == 255).all()
