import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_dip.errors import ImageError
from keras_dip.images import ImageInfo, read, write
from keras_dip.images.convert import to_unit

LOSSLESS = [".png", ".tif", ".tiff", ".webp", ".bmp", ".PNG"]
DEEP = ImageInfo(mode="I;16", dtype="uint16")


def with_alpha(alpha):
    return ImageInfo(mode="RGBA", alpha=alpha)


@pytest.fixture
def tags():
    """An EXIF block with a maker and an exposure time."""
    exif = Image.Exif()
    exif[271] = "Maker"
    exif.get_ifd(0x8769)[33434] = 0.01
    return exif.tobytes()


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (1, 1)])
def test_8_bits_are_kept(levels, tmp_path, suffix, shape):
    pixels, path = levels(*shape), tmp_path / f"out{suffix}"
    write(to_unit(pixels), path)
    array, info = read(path)
    grey = len(shape) == 2 or shape[2] == 1
    if grey and suffix == ".webp":  # WebP has no grey.
        array = array[..., 0]
    assert info.mode == ("L" if grey and suffix != ".webp" else "RGB")
    assert info.dtype == "uint8"
    np.testing.assert_array_equal(array.reshape(shape), to_unit(pixels))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_kept(tmp_path, suffix):
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    write(to_unit(every), tmp_path / f"out{suffix}", info=DEEP)
    array, info = read(tmp_path / f"out{suffix}")
    assert info.dtype == "uint16"
    np.testing.assert_array_equal(array, to_unit(every))


@pytest.mark.parametrize(
    ("format", "suffix"), [("PNG", ".png"), ("TIFF", ".tif"), ("WEBP", ".webp")]
)
@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA", "P", "1"])
def test_reading_and_writing_changes_no_pixel(
    levels, encode, tmp_path, format, suffix, mode
):
    image = Image.fromarray(levels(6, 9, 4)).convert(mode if mode != "P" else "RGB")
    image = image.quantize(5) if mode == "P" else image
    settings = {"lossless": True, "exact": True} if format == "WEBP" else {}
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix}"
    first.write_bytes(encode(image, format, **settings))
    array, info = read(first)
    write(array, second, info=info)
    again, info_again = read(second)
    np.testing.assert_array_equal(again, array)
    assert (info.alpha is None) == (info_again.alpha is None)
    if info.alpha is not None:
        np.testing.assert_array_equal(info_again.alpha, info.alpha)


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_jpeg(tmp_path, shape):
    flat = np.full(shape, 0.3, np.float32)
    write(flat, tmp_path / "out.jpg")
    array, info = read(tmp_path / "out.jpg")
    assert info.format == "JPEG"
    np.testing.assert_allclose(array, flat, atol=0.01)


def test_values_are_clipped_and_rounded(tmp_path):
    write(np.array([[-3, 0.6 / 255, 1.4 / 255, 9]]), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert np.asarray(image).tolist() == [[0, 1, 1, 255]]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_in_the_array(levels, tmp_path, suffix, channels):
    pixels = levels(5, 7, channels)
    pixels[0, :, -1] = 0  # Colours that cannot be seen are kept as well.
    write(to_unit(pixels), tmp_path / f"out{suffix}")
    array, info = read(tmp_path / f"out{suffix}")
    array = array[..., :1] if channels == 2 and suffix == ".webp" else array
    np.testing.assert_array_equal(array.reshape(5, 7, -1), to_unit(pixels[..., :-1]))
    np.testing.assert_array_equal(info.alpha, pixels[..., -1])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_alpha_of_the_input_is_attached_untouched(levels, tmp_path, suffix, shape):
    alpha = levels(5, 7)
    write(to_unit(levels(*shape)), tmp_path / f"out{suffix}", info=with_alpha(alpha))
    _, info = read(tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(info.alpha, alpha)


def test_alpha_is_enlarged_with_the_picture(tmp_path):
    alpha = np.zeros((4, 6), np.uint8)
    alpha[:, 3:] = 255
    write(np.zeros((12, 18, 3)), tmp_path / "out.png", info=with_alpha(alpha))
    _, info = read(tmp_path / "out.png")
    assert info.alpha.shape == (12, 18)
    assert (info.alpha[:, :6] < 20).all() and (info.alpha[:, 12:] > 235).all()


@pytest.mark.parametrize("shape", [(4, 5), (2, 3), (8, 6), (9, 13)])
def test_alpha_of_another_size_is_refused(tmp_path, shape):
    info = with_alpha(np.zeros((4, 6), np.uint8))
    with pytest.raises(ImageError, match=r"size of its alpha, \(4, 6\)"):
        write(np.zeros(shape), tmp_path / "out.png", info=info)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".bmp"])
def test_formats_without_alpha(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    info = with_alpha(np.zeros((4, 4), np.uint8))
    for arguments in ({"info": info}, {}):
        array = np.zeros((4, 4, 3 if arguments else 4))
        with pytest.raises(ImageError, match=r"Expected \.png.*transparency"):
            write(array, path, **arguments)
    assert not path.exists()


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_formats_without_16_bits(tmp_path, suffix):
    with pytest.raises(ImageError, match=r"Expected \.png, \.tif.* for a 16-bit"):
        write(np.zeros((4, 4)), tmp_path / f"out{suffix}", info=DEEP)


def test_16_bit_grey_with_alpha_needs_another_format(tmp_path):
    with pytest.raises(ImageError, match=r"Expected \.tif.*16-bit.*transparency"):
        write(np.zeros((4, 4, 2)), tmp_path / "out.png", info=DEEP)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_profile_and_exif_are_carried(levels, tmp_path, tags, suffix):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    given = ImageInfo(mode="RGB", icc_profile=profile, exif=tags)
    write(to_unit(levels(5, 7, 3)), tmp_path / f"out{suffix}", info=given)
    _, info = read(tmp_path / f"out{suffix}")
    assert info.icc_profile == profile
    kept = Image.Exif()
    kept.load(info.exif)
    assert kept[271] == "Maker"
    assert kept.get_ifd(0x8769)[33434] == pytest.approx(0.01)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_tags_of_a_tiff_do_not_spoil_a_larger_picture(
    levels, encode, tmp_path, tags, suffix
):
    source = tmp_path / "in.tif"
    source.write_bytes(encode(levels(5, 7, 3), "TIFF", exif=tags))
    _, info = read(source)
    write(np.full((10, 14, 3), 0.2), tmp_path / f"out{suffix}", info=info)
    array, info = read(tmp_path / f"out{suffix}")
    np.testing.assert_allclose(array, np.full((10, 14, 3), 0.2), atol=0.01)
    assert b"Maker" in info.exif


def test_bmp_says_what_it_cannot_hold(tmp_path, tags):
    info = ImageInfo(mode="RGB", exif=tags, icc_profile=b"profile")
    with pytest.warns(UserWarning, match="BMP cannot hold colour profile or EXIF"):
        write(np.zeros((4, 4)), tmp_path / "out.bmp", info=info)
    assert (tmp_path / "out.bmp").exists()


def test_standard_output_is_png(levels, monkeypatch):
    pixels, stream = levels(5, 7), io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stream))
    write(to_unit(pixels), "-")
    with Image.open(io.BytesIO(stream.getvalue())) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4), np.uint8), "Received: dtype uint8"),
        (np.zeros((4, 4), bool), "Received: dtype bool"),
        (np.zeros(4), r"Received: shape \(4,\)"),
        (np.zeros((1, 4, 4, 3)), r"Received: shape \(1, 4, 4, 3\)"),
        (np.zeros((4, 4, 5)), "picture of 5 channels"),
        (np.zeros((4, 4, 0)), "at least one pixel"),
        (np.zeros((0, 4)), "at least one pixel"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.full((4, 4), -np.inf), "infinite"),
    ],
)
def test_bad_arrays(tmp_path, array, message):
    with pytest.raises(ImageError, match=message) as error:
        write(array, tmp_path / "out.png")
    assert "\n" not in str(error.value)
    assert not any(tmp_path.iterdir())


def test_an_existing_file_needs_force(levels, tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"precious")
    with pytest.raises(ImageError, match="does not exist yet"):
        write(np.zeros((4, 4)), path)
    assert path.read_bytes() == b"precious"
    write(np.ones((4, 4)), path, force=True)
    assert read(path)[0].min() == 1


def test_the_input_is_never_overwritten(tmp_path):
    path = tmp_path / "in.png"
    path.write_bytes(b"precious")
    with pytest.raises(ImageError, match="not an input"):
        write(np.zeros((4, 4)), path, inputs=[path], force=True)
    assert path.read_bytes() == b"precious"


def test_a_picture_too_large_for_its_format_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.webp"
    path.write_bytes(b"precious")
    with pytest.raises(ImageError, match=r"that WEBP can hold.*20000x1"):
        write(np.zeros((1, 20000)), path, force=True)
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"precious"]


def exif_of(length):
    block = Image.Exif()
    block[271] = "x" * length
    return block.tobytes()


@pytest.mark.parametrize("key", ["exif", "xmp"])
def test_what_is_too_long_for_a_jpeg_is_left_out(tmp_path, key):
    value = exif_of(70_000) if key == "exif" else b"<x>" + b"y" * 70_000 + b"</x>"
    other = {"icc_profile": b"kept " * 40, "note": "keras_dip", key: value}
    info = ImageInfo("RGB", dpi=(300.0, 300.0), **other)
    with pytest.warns(UserWarning) as told:
        write(np.zeros((5, 6, 3), "float32"), tmp_path / "a.jpg", info=info)
    (line,) = (str(warning.message) for warning in told)
    size = len(value)
    assert line == f"JPEG cannot hold {key.upper()} of {size} bytes: left out."
    _, kept = read(tmp_path / "a.jpg")
    assert kept.icc_profile == info.icc_profile and b"keras_dip" in kept.exif
    assert kept.xmp is None and b"xxx" not in kept.exif
    for suffix in (".png", ".webp", ".tif"):
        write(np.zeros((5, 6, 3), "float32"), tmp_path / f"a{suffix}", info=info)
        assert len(getattr(read(tmp_path / f"a{suffix}")[1], key)) >= 70_000


def test_the_note_gives_way_to_exif(tmp_path):
    exif = exif_of(65_400)
    info = ImageInfo("RGB", exif=exif, note="keras_dip " * 20)
    write(np.zeros((5, 6, 3), "float32"), tmp_path / "a.jpg", info=info)
    kept = read(tmp_path / "a.jpg")[1].exif
    assert b"x" * 65_400 in kept and b"keras_dip" not in kept


def test_a_profile_too_long_for_a_jpeg(tmp_path):
    info = ImageInfo("RGB", icc_profile=b"x" * 16_800_000)
    with pytest.warns(UserWarning, match=r"profile of 16800000 bytes: left out"):
        write(np.zeros((5, 6, 3), "float32"), tmp_path / "a.jpg", info=info)
    assert read(tmp_path / "a.jpg")[1].icc_profile is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_the_picture_is_written_without_what_cannot_be(tmp_path, suffix):
    info = ImageInfo("RGB", exif=b"Exif\0\0nothing", xmp=b"<x/>")
    with pytest.warns(UserWarning, match=r"cannot hold this .*: all left out"):
        write(np.zeros((5, 6, 3), "float32"), tmp_path / f"a{suffix}", info=info)
    array, kept = read(tmp_path / f"a{suffix}")
    assert array.shape == (5, 6, 3) and kept.exif is None
