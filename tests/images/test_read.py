import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from keras_dip.errors import ImageError
from keras_dip.images import ImageInfo, read, read_mask, write
from keras_dip.images.convert import to_unit

FORMATS = ["PNG", "JPEG", "TIFF", "WEBP", "BMP"]
LOSSLESS = {"WEBP": {"lossless": True, "exact": True}}
TURNS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}


@pytest.fixture
def stored(tmp_path):
    def put(data):
        path = tmp_path / "picture.bin"
        path.write_bytes(data)
        return path

    return put


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "BMP"])
def test_colour(levels, encode, stored, format):
    pixels = levels(6, 9, 3)
    path = stored(encode(pixels, format, **LOSSLESS.get(format, {})))
    array, info = read(path)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, to_unit(pixels))
    assert (info.mode, info.dtype, info.format) == ("RGB", "uint8", format)
    assert info.alpha is None and info.icc_profile is None and info.exif is None


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_grey(levels, encode, stored, format):
    pixels = levels(6, 9)
    array, info = read(str(stored(encode(pixels, format))))
    np.testing.assert_array_equal(array, to_unit(pixels))
    assert info.mode == "L"


@pytest.mark.parametrize(("colour", "mode"), [(64, "L"), ((200, 100, 50), "RGB")])
def test_jpeg(encode, stored, colour, mode):
    image = Image.new(mode, (16, 16), colour)
    array, info = read(stored(encode(image, "JPEG", quality=100)))
    assert info.mode == mode
    np.testing.assert_allclose(array, to_unit(np.asarray(image)), atol=2 / 255)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_16_bit_grey(levels, encode, stored, format, order):
    pixels = levels(6, 9, dtype="uint16")
    array, info = read(stored(encode(pixels.astype(order), format)))
    assert info.dtype == "uint16"
    assert info.mode.startswith("I;16")
    np.testing.assert_array_equal(array, to_unit(pixels))


@pytest.mark.parametrize(
    ("format", "channels"),
    [("PNG", 2), ("PNG", 4), ("TIFF", 2), ("TIFF", 4), ("WEBP", 4)],
)
def test_alpha_is_split_off_untouched(levels, encode, stored, format, channels):
    pixels = levels(6, 9, channels)
    path = stored(encode(pixels, format, **LOSSLESS.get(format, {})))
    array, info = read(path)
    expected = pixels[..., 0] if channels == 2 else pixels[..., :3]
    np.testing.assert_array_equal(array, to_unit(expected))
    np.testing.assert_array_equal(info.alpha, pixels[..., -1])
    assert info.alpha.dtype == np.uint8


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_palette_becomes_colour(levels, encode, stored, format):
    image = Image.fromarray(levels(6, 9, 3)).quantize(8)
    array, info = read(stored(encode(image, format)))
    assert (info.mode, info.alpha) == ("P", None)
    np.testing.assert_array_equal(array, to_unit(np.asarray(image.convert("RGB"))))


def test_palette_with_transparency(levels, encode, stored):
    image = Image.fromarray(levels(6, 9, 3)).quantize(4)
    table = np.array([0, 128, 255, 10], np.uint8)
    array, info = read(stored(encode(image, "PNG", transparency=table.tobytes())))
    np.testing.assert_array_equal(array, to_unit(np.asarray(image.convert("RGB"))))
    np.testing.assert_array_equal(info.alpha, table[np.asarray(image)])


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("1", 0)])
def test_one_transparent_colour_becomes_alpha(encode, stored, mode, key):
    image = Image.new(mode, (2, 1), 255 if mode != "RGB" else (255, 255, 255))
    image.putpixel((0, 0), key)
    array, info = read(stored(encode(image, "PNG", transparency=key)))
    assert info.alpha.tolist() == [[0, 255]]
    assert array.ndim == (3 if mode == "RGB" else 2)
    np.testing.assert_array_equal(array[0, 1], 1)


def test_bilevel_becomes_grey(encode, stored):
    array, _ = read(stored(encode(np.eye(4) > 0, "PNG")))
    np.testing.assert_array_equal(array, np.eye(4))


def test_cmyk_becomes_colour_without_its_profile(encode, stored):
    image = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    array, info = read(stored(encode(image, "TIFF", icc_profile=b"ink" * 50)))
    np.testing.assert_array_equal(array[0, 0], [1, 0, 0])
    assert (info.mode, info.icc_profile) == ("CMYK", None)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNS)
def test_orientation_is_applied_once_and_removed(
    levels, encode, stored, format, orientation
):
    # Blocks of one colour, so that JPEG keeps them.
    pixels = np.kron(levels(2, 3, 1), np.ones((16, 16, 3), np.uint8))
    exif = Image.Exif()
    exif[274] = orientation
    exif[271] = "Maker"
    array, info = read(stored(encode(pixels, format, exif=exif.tobytes())))
    expected = to_unit(TURNS[orientation](pixels))
    assert array.shape == expected.shape
    np.testing.assert_allclose(array, expected, atol=0.03)
    kept = Image.Exif()
    kept.load(info.exif)
    assert dict(kept) == {271: "Maker"}


def test_a_block_that_cannot_be_kept_still_says_what_is_up(encode, stored):
    pixels = np.arange(8 * 16 * 3, dtype="uint8").reshape(8, 16, 3)
    # Turned by a quarter, and with 1.5 bits, which Pillow cannot write again.
    entries = [
        struct.pack("<HHIHH", 274, 3, 1, 6, 0),
        struct.pack("<HHIf", 258, 11, 1, 1.5),
    ]
    block = b"II*\0" + struct.pack("<IH", 8, 2) + b"".join(sorted(entries)) + bytes(4)
    array, _ = read(stored(encode(pixels, "PNG", exif=block)))
    np.testing.assert_array_equal(np.uint8(array * 255 + 0.5), np.rot90(pixels, -1))


def test_orientation_turns_alpha_and_16_bits(levels, encode, stored):
    exif = Image.Exif()
    exif[274] = 6
    pixels, deep = levels(3, 5, 4), levels(3, 5, dtype="uint16")
    _, info = read(stored(encode(pixels, "PNG", exif=exif)))
    np.testing.assert_array_equal(info.alpha, np.rot90(pixels[..., -1], -1))
    assert info.exif is None
    for format in ("PNG", "TIFF"):
        array, _ = read(stored(encode(deep, format, exif=exif.tobytes())))
        np.testing.assert_array_equal(array, to_unit(np.rot90(deep, -1)))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_profile_and_exif_are_kept(levels, encode, stored, format):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[271] = "Maker"
    exif.get_ifd(0x8769)[33434] = 0.01
    data = encode(levels(6, 9, 3), format, icc_profile=profile, exif=exif.tobytes())
    _, info = read(stored(data))
    assert info.icc_profile == profile
    kept = Image.Exif()
    kept.load(info.exif)
    assert kept[271] == "Maker"
    assert kept.get_ifd(0x8769)[33434] == pytest.approx(0.01)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_damaged_exif_does_not_cost_the_picture(encode, stored, format):
    pixels = np.full((16, 16, 3), 90, np.uint8)
    data = encode(pixels, format, exif=b"Exif\0\0garbage!")
    with pytest.warns(UserWarning, match="EXIF block is damaged"):
        array, info = read(stored(data))
    np.testing.assert_allclose(array, to_unit(pixels), atol=0.01)
    assert info.exif is None


def test_standard_input(levels, encode, standard_input):
    pixels = levels(6, 9)
    standard_input(encode(pixels, "PNG"))
    array, _ = read("-")
    np.testing.assert_array_equal(array, to_unit(pixels))


def test_empty_standard_input(standard_input):
    standard_input(b"")
    with pytest.raises(ImageError, match="standard input, which is empty"):
        read("-")


def one_line(error):
    text = str(error.value)
    assert text.startswith("Expected ") and "Received: " in text and "\n" not in text
    return True


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated(levels, encode, stored, format, kept):
    data = encode(levels(64, 64, 3), format)
    path = stored(data[: int(len(data) * kept)])
    with warnings.catch_warnings():
        # A warning of Pillow must not be what saves us.
        warnings.simplefilter("ignore")
        with pytest.raises(ImageError, match="damaged") as error:
            read(path)
    assert one_line(error)


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "which is empty"), (b"hello", "not a picture"), (b"\0" * 99, "not a pict")],
)
def test_not_a_picture(stored, data, message):
    with pytest.raises(ImageError, match=message) as error:
        read(stored(data))
    assert one_line(error)


def test_unsupported_format(levels, encode, stored):
    with pytest.raises(ImageError, match="PNG, JPEG, TIFF, WebP, BMP"):
        read(stored(encode(levels(4, 4), "GIF")))


def test_missing_and_folder(tmp_path):
    with pytest.raises(ImageError, match=r"'.*cat\.png', which does not exist"):
        read(tmp_path / "cat.png")
    with pytest.raises(ImageError, match="a folder"):
        read(tmp_path)
    with pytest.raises(ImageError, match="null"):
        read("a\0b")


@pytest.mark.parametrize("size", [(0, 4), (4, 0)])
def test_no_pixels(png_of, stored, size):
    with pytest.raises(ImageError, match="Expected a picture"):
        read(stored(png_of(*size, 8, 0, 1)))


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bits_that_pillow_would_cut_in_png(png_of, stored, colour_type, channels):
    array, info = read(stored(png_of(4, 5, 16, colour_type, channels)))
    assert info.dtype == "uint16"
    assert array.shape == ((5, 4) if channels == 2 else (5, 4, 3))
    assert (info.alpha is None) == (channels == 3)


def test_8_bit_png_of_the_same_make_is_read(png_of, stored):
    array, _ = read(stored(png_of(4, 4, 8, 2, 3)))
    assert array.shape == (4, 4, 3)


def tiff_with(encode, pixels, changes):
    """Change 16-bit entries of a little-endian TIFF's first table."""
    data = bytearray(encode(pixels, "TIFF"))
    start = int.from_bytes(data[4:8], "little")
    for entry in range(int.from_bytes(data[start : start + 2], "little")):
        at = start + 2 + 12 * entry
        tag = int.from_bytes(data[at : at + 2], "little")
        if tag in changes:
            data[at + 8 : at + 10] = changes.pop(tag).to_bytes(2, "little")
    assert not changes
    return bytes(data)


def test_16_bits_where_white_is_zero(levels, encode, stored):
    pixels = levels(4, 4, dtype="uint16")
    array, info = read(stored(tiff_with(encode, pixels, {262: 0})))
    np.testing.assert_array_equal(array, to_unit(65535 - pixels))
    assert info.dtype == "uint16"


def test_12_bits_are_refused(levels, encode, stored):
    pixels = levels(4, 4, dtype="uint16")
    with pytest.raises(ImageError, match="12 bits"):
        read(stored(tiff_with(encode, pixels, {258: 12})))


@pytest.mark.parametrize(("mode", "value"), [("F", 0.25), ("I", 70_000)])
def test_32_bit_tiff(encode, stored, mode, value):
    image = Image.new(mode, (4, 4))
    image.putpixel((1, 2), value)
    array, info = read(stored(encode(image, "TIFF")))
    assert (array[2, 1], array[0, 0]) == ((0.25, 0) if mode == "F" else (1, 0))
    assert info.dtype == "float32"
    assert info.data_range == (None if mode == "F" else (0, 70_000))


def test_16_bit_grey_with_a_transparent_level(levels, encode, stored):
    data = encode(levels(4, 4, dtype="uint16"), "PNG", transparency=3)
    with pytest.raises(ImageError, match="16-bit grey picture without transparency"):
        read(stored(data))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_several_frames(levels, encode, stored, format):
    more = [Image.fromarray(levels(4, 4, 3))]
    data = encode(levels(4, 4, 3), format, save_all=True, append_images=more)
    with pytest.raises(ImageError, match=r"Expected one picture, or --page N.*holds 2"):
        read(stored(data))


def test_a_telephones_jpeg_with_a_hidden_picture(encode, stored):
    grey, black = Image.new("RGB", (16, 16), (128,) * 3), Image.new("RGB", (16, 16))
    data = encode(grey, "MPO", save_all=True, append_images=[black])
    array, info = read(stored(data))
    np.testing.assert_allclose(array, 128 / 255, atol=0.01)
    assert info.format == "JPEG"


@pytest.mark.parametrize("limit", [20, 40])
def test_bombs(levels, encode, stored, monkeypatch, limit):
    # 7x7 = 49 pixels: over 20 twice is Pillow's error, over 40 once its warning.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ImageError, match=f"at most {limit} pixels.*bomb") as error:
        read(stored(encode(levels(7, 7), "PNG")))
    assert one_line(error)


def test_mask_is_zeros_and_ones(encode, stored):
    mask = read_mask(stored(encode(np.array([[0, 127, 128, 255]], np.uint8), "PNG")))
    assert mask.dtype == np.float32
    assert mask.tolist() == [[0, 0, 1, 1]]


def test_mask_of_equal_channels_has_none(encode, stored):
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0] = [200, 201, 255]
    assert read_mask(stored(encode(pixels, "PNG"))).tolist() == [[1] * 3, [0] * 3]


def test_mask_per_channel(encode, stored):
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 0] = [255, 0, 0]
    mask = read_mask(stored(encode(pixels, "PNG")))
    np.testing.assert_array_equal(mask, pixels / 255)


def test_mask_from_alpha(levels, encode, stored):
    pixels = levels(5, 4, 4)
    mask = read_mask(stored(encode(pixels, "PNG")), alpha=True)
    np.testing.assert_array_equal(mask, pixels[..., 3] > 127)


def test_mask_from_an_alpha_that_is_missing(levels, encode, stored):
    with pytest.raises(ImageError, match=r"picture\.bin', which has none"):
        read_mask(stored(encode(levels(4, 4), "PNG")), alpha=True)


def mpo(levels):
    buffer = io.BytesIO()
    first, second = (Image.fromarray(levels(8, 8, 3)) for _ in range(2))
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["deep.png", "PNG", "npy", "npz", "ppm", "mpo"])
def test_a_page_that_is_not_there_is_refused(stored, levels, kind, tmp_path):
    pixels = levels(8, 8, 3, dtype="uint8" if kind == "PNG" else "uint16")
    if kind == "mpo":
        path = stored(mpo(levels))
    else:
        path = tmp_path / f"a.{kind.lower()}"
        dtype = pixels.dtype.name
        write(to_unit(pixels), path, info=ImageInfo("RGB", dtype=dtype))
    array, _ = read(path, page=1)
    np.testing.assert_array_equal(array, read(path)[0])
    with pytest.raises(ImageError, match=r"page 1, the only one\. Received: 2"):
        read(path, page=2)


def with_chunk(png, kind, data):
    checksum = zlib.crc32(kind + data)
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
    return png[:33] + chunk + png[33:]


def test_an_animation_of_16_bits_is_refused(stored, png_of):
    data = with_chunk(png_of(4, 4, 16, 2, 3), b"acTL", struct.pack(">II", 2, 0))
    with pytest.raises(ImageError, match=r"stands still.*an animation"):
        read(stored(data))


def test_libpng_says_nothing_of_odd_chunks(stored, png_of, caplog):
    read(stored(with_chunk(png_of(4, 4, 16, 2, 3), b"cHRM", b"short")))
    assert not caplog.records


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", ["png", "tif", "npy"])
def test_a_range_of_integers_is_refused(tmp_path, levels, suffix, dtype, channels):
    pixels = levels(4, 5, channels, dtype=dtype)
    path = tmp_path / f"a.{suffix}"
    write(to_unit(pixels), path, info=ImageInfo("", dtype=dtype))
    with pytest.raises(ImageError, match=r"data range .--data-range. for floats"):
        read(path, data_range=(0, 300))
