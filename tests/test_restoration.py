"""What is kept of a fit: saving the picture in the depth that it came in."""

import numpy as np
import pytest
from PIL import Image

from keras_dip.errors import ImageError
from keras_dip.images import read
from keras_dip.images.convert import quantise
from keras_dip.latents import make_latent
from keras_dip.restoration import Restoration, Source


@pytest.fixture
def restoration_of(scene):
    """Make a restoration without a fit."""

    def make(*shape, dtype="uint8"):
        latent = make_latent("noise", shape[:2], 2, seed=1)
        return Restoration(
            image=scene(*shape),
            history={},
            settings={},
            steps=1,
            best_step=1,
            stopped_by="steps",
            stop_reason="",
            seconds=0.1,
            source=Source(None, latent, lambda x: x, dtype),
        )

    return make


@pytest.mark.parametrize(
    ("shape", "dtype", "mode", "levels"),
    [
        ((9, 7), "uint8", "L", "uint8"),
        ((9, 7, 1), "uint8", "L", "uint8"),
        ((9, 7, 3), "uint8", "RGB", "uint8"),
        ((9, 7), "float32", "L", "uint8"),
        ((9, 7), "uint16", "I;16", "uint16"),
        ((9, 7, 1), "uint16", "I;16", "uint16"),
    ],
)
def test_saving_keeps_grey_colour_and_depth(
    restoration_of, tmp_path, shape, dtype, mode, levels
):
    restoration = restoration_of(*shape, dtype=dtype)
    restoration.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == mode
        saved = np.asarray(image)
    expected = quantise(restoration.image, levels)
    np.testing.assert_array_equal(saved.reshape(shape), expected)


def test_a_float_picture_can_be_a_jpeg(restoration_of, tmp_path):
    restoration_of(9, 7, dtype="float32").save(tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (7, 9))


def test_an_existing_file_is_refused_unless_forced(restoration_of, tmp_path):
    (tmp_path / "out.png").write_bytes(b"old")
    with pytest.raises(ImageError, match="exist"):
        restoration_of(9, 7).save(tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == b"old"
    restoration_of(9, 7).save(tmp_path / "out.png", force=True)
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (7, 9)


@pytest.mark.parametrize("name", ["out.onnx", "out", "no/folder/out.png"])
def test_places_that_cannot_be_written(restoration_of, tmp_path, name):
    with pytest.raises(ImageError):
        restoration_of(9, 7).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_16_bit_colour_and_bands_are_kept_where_a_format_has_them(
    restoration_of, tmp_path
):
    restoration = restoration_of(9, 7, 3, dtype="uint16")
    restoration.save(tmp_path / "out.png")
    restoration.save(tmp_path / "out.jpg")
    array, info = read(tmp_path / "out.png")
    assert info.dtype == "uint16"
    assert np.abs(array - restoration.image).max() < 1e-5
    bands = restoration_of(9, 7, 5)
    bands.save(tmp_path / "out.tif")
    assert read(tmp_path / "out.tif")[0].shape == (9, 7, 5)
    with pytest.raises(ImageError, match=r"Expected \.tif.*5 channels"):
        bands.save(tmp_path / "out5.png")


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_than_grey_and_colour_have_no_picture_file(
    restoration_of, tmp_path, channels
):
    # Not even two or four, which would be taken for alpha.
    message = rf"without alpha.*numpy.save.*shape \(9, 7, {channels}\)"
    with pytest.raises(ImageError, match=message):
        restoration_of(9, 7, channels).save(tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_restorations_are_compared_without_an_error(restoration_of):
    one, other = restoration_of(9, 7), restoration_of(9, 7)
    assert one == one
    assert one != other
    assert len({one, other}) == 2
