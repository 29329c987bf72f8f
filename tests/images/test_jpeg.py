"""How a JPEG was coded survives its reading; what would mislead is left out."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_dip.images import JpegCoding, as_picture, read
from keras_dip.images.jpeg import coding_of


@pytest.fixture
def opened(encode, levels):
    """Open what Pillow writes, without loading it."""

    def open_(shape=(20, 30, 3), format="JPEG", **settings):
        return Image.open(io.BytesIO(encode(levels(*shape), format, **settings)))

    return open_


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [10, 90])
def test_a_file_tells_its_tables_and_subsampling(
    levels, encode, tmp_path, quality, subsampling
):
    data = encode(levels(20, 30, 3), "JPEG", quality=quality, subsampling=subsampling)
    (tmp_path / "a.jpg").write_bytes(data)
    _, info = read(tmp_path / "a.jpg")
    quantization = Image.open(io.BytesIO(data)).quantization
    luma, chroma = tuple(quantization[0]), tuple(quantization[1])
    assert info.jpeg == JpegCoding((luma, chroma, chroma), subsampling)
    assert all(type(step) is int for step in luma)


def test_tables_are_row_by_row(opened):
    # From left to right the frequency across grows, and with it nothing else.
    rising = [1 + 3 * (i % 8) for i in range(64)]
    coding = coding_of(opened(qtables=[rising], quality=50))
    assert coding.tables == (tuple(rising),) * 3


def test_a_grey_file_has_one_table(opened):
    coding = coding_of(opened((20, 30), quality=20))
    assert len(coding.tables) == 1
    assert coding.tables[0][0] == 40  # 16 * 2.5


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "BMP"])
def test_other_formats_tell_nothing(opened, format):
    assert coding_of(opened(format=format)) is None
    assert as_picture(opened(format=format))[1].jpeg is None


@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_a_picture_that_is_turned_tells_nothing(opened, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    assert coding_of(opened(exif=exif.tobytes())) is None


def test_an_upright_picture_with_exif_tells(opened):
    exif = Image.Exif()
    exif[271] = "Maker"
    assert coding_of(opened(exif=exif.tobytes())) is not None


def test_a_damaged_exif_block_does_not_matter(opened):
    assert coding_of(opened(exif=b"Exif\0\0garbage!")) is not None


def test_colours_other_than_jfifs_tell_nothing(opened, encode):
    assert coding_of(opened(keep_rgb=True)) is None
    cmyk = encode(Image.new("CMYK", (16, 16)), "JPEG")
    assert coding_of(Image.open(io.BytesIO(cmyk))) is None


def test_odd_subsampling_tells_nothing(opened, monkeypatch):
    image = opened()
    monkeypatch.setattr("PIL.JpegImagePlugin.get_sampling", lambda image: -1)
    assert coding_of(image) is None


def test_an_image_fresh_from_pillow_tells(opened):
    image = opened(quality=30)
    expected = coding_of(image)
    floats, kind = as_picture(image)
    assert floats.shape == (20, 30, 3)
    assert kind.jpeg == expected is not None


def test_an_image_that_may_have_been_changed_tells_nothing(opened):
    changed = opened()
    changed.load()
    assert as_picture(changed)[1].jpeg is None
    smaller = opened((64, 64, 3))
    smaller.thumbnail((16, 16))
    assert as_picture(smaller)[1].jpeg is None
    draft = opened((64, 64, 3))
    draft.draft("RGB", (16, 16))
    floats, kind = as_picture(draft)
    assert floats.shape == (16, 16, 3)
    assert kind.jpeg is None


def test_arrays_tell_nothing():
    assert as_picture(np.zeros((4, 4, 3), "uint8"))[1].jpeg is None
