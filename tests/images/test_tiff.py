"""TIFF's bands, transparency and pages: nothing is dropped, nothing is guessed."""

import numpy as np
import pytest
import tifffile

from keras_dip.errors import ImageError
from keras_dip.images import deep, read, write
from keras_dip.images.convert import to_unit


def options(photometric, *extra):
    return {"photometric": photometric, "extrasamples": extra, "metadata": None}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [2, 3, 4, 5, 9])
def test_bands_are_all_read_and_written_again(tmp_path, levels, caplog, dtype, bands):
    pixels = to_unit(levels(5, 6, bands, dtype="uint16"))
    if dtype != "float32":
        pixels = levels(5, 6, bands, dtype=dtype)
    kind = options("minisblack", *["unspecified"] * (bands - 1))
    tifffile.imwrite(tmp_path / "a.tif", pixels, planarconfig="contig", **kind)
    array, info = read(tmp_path / "a.tif")
    write(array, tmp_path / "b.tif", info=info)
    for name in ("a.tif", "b.tif"):
        array, info = read(tmp_path / name)
        np.testing.assert_array_equal(array, to_unit(pixels))
        assert (info.dtype, info.alpha) == (dtype, None)
    assert not caplog.records


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_fourth_band_beside_colours_is_kept(tmp_path, levels, dtype):
    pixels = levels(5, 6, 4, dtype=dtype)
    kind = options("rgb", "unspecified")
    tifffile.imwrite(tmp_path / "a.tif", pixels, **kind)
    array, info = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(array, to_unit(pixels))
    assert info.alpha is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("grey", [True, False])
def test_colours_multiplied_by_alpha_are_divided(tmp_path, grey, dtype):
    most = 1 if dtype == "float32" else np.iinfo(dtype).max
    pixels = np.array([[[0.5, 0.25, 0, 0.5]], [[0, 0, 0, 0]], [[0.2, 0.4, 1, 1]]])
    pixels = (pixels[..., 1::2] if grey else pixels) * most
    kind = options("minisblack" if grey else "rgb", "assocalpha")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels.astype(dtype), planarconfig="contig", **kind)
    array, info = read(path)
    expected = np.array([[[1, 0.5, 0]], [[0, 0, 0]], [[0.2, 0.4, 1]]])
    np.testing.assert_allclose(
        array, expected[..., 1] if grey else expected, atol=2.1 / 255
    )
    np.testing.assert_allclose(
        to_unit(info.alpha), pixels[..., -1] / most, atol=1.01 / 255
    )


def test_multiplied_colours_of_unknown_alpha_are_refused(tmp_path):
    pixels = np.full((2, 3, 4), 200, "float32")
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options("rgb", "assocalpha"))
    with pytest.raises(ImageError, match=r"transparency from 0 to 1.*200 to 200"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("first", [True, False])
def test_previews_are_no_pages(tmp_path, levels, dtype, first):
    pages = [levels(6, 8, 3, dtype=dtype), levels(6, 8, 3, dtype=dtype)]
    small = pages[0][::2, ::2]
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number, page in enumerate(pages):
            previews = [] if number else [(small, 1)]
            both = [*previews, (page, 0)] if first else [(page, 0), *previews]
            for pixels, kind in both:
                file.write(pixels, photometric="rgb", subfiletype=kind, metadata=None)
    for number, page in enumerate(pages, start=1):
        array, _ = read(tmp_path / "a.tif", page=number)
        np.testing.assert_array_equal(array, to_unit(page))
    with pytest.raises(ImageError, match="holds 2 "):
        read(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"from 1 to 2\. Received: 3"):
        read(tmp_path / "a.tif", page=3)


def test_pillow_is_not_left_to_drop_what_cannot_be_decoded(
    tmp_path, levels, monkeypatch
):
    def fails(*_):
        raise RuntimeError("a codec that is not there")

    for dtype, extra in (("uint8", ["unspecified"]), ("uint16", [])):
        pixels = levels(5, 6, 3 + len(extra), dtype=dtype)
        tifffile.imwrite(tmp_path / "a.tif", pixels, **options("rgb", *extra))
        monkeypatch.setattr(deep, "decode_tiff", fails)
        with pytest.raises(ImageError, match="read without loss"):
            read(tmp_path / "a.tif")
