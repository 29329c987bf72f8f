"""What goes into a file and comes out again, for all formats, depths and modes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_dip.cli import files
from keras_dip.errors import ImageError
from keras_dip.images import ImageInfo, read, write
from keras_dip.images.convert import to_unit
from keras_dip.images.deep import TURNS
from keras_dip.images.formats import BY_SUFFIX, FORMATS, check_format

LOSSY = ("JPEG", "AVIF")
PROFILE = b"a profile " * 20
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def holdable(name):
    """All (dtype, channels, alpha) that a format can hold."""
    for dtype in ("uint8", "uint16", "float32"):
        for channels in (1, 2, 3, 4, 6):
            for alpha in (False, True):
                try:
                    check_format(name, dtype, channels, alpha)
                except ImageError:
                    continue
                yield name, dtype, channels, alpha


CASES = [case for name in FORMATS for case in holdable(name)]


def random(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return rng.uniform(0, 1, shape).astype("float32")
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("case", [c for c in CASES if c[0] not in LOSSY], ids=str)
@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 9))
@settings(max_examples=3)
def test_what_is_read_is_written_again_to_the_bit(
    tmp_path_factory, case, height, width, seed
):
    name, dtype, channels, has_alpha = case
    folder = tmp_path_factory.mktemp("formats")
    first, second = (folder / f"{n}{FORMATS[name].suffixes[0]}" for n in "ab")
    shape = (height, width) if channels == 1 else (height, width, channels)
    pixels = random(shape, dtype, seed)
    alpha = random((height, width), dtype, seed + 1) if has_alpha else None
    if has_alpha:
        alpha[0, 0] = 0  # WebP stores none that is opaque everywhere
    bands = f"{dtype}x{channels}" if channels in (2, 4) else ""
    write(to_unit(pixels), first, info=ImageInfo(bands, dtype=dtype, alpha=alpha))
    floats, info = read(first)
    write(floats, second, info=info)
    again, kept = read(second)
    if name in ("NPY", "NPZ") and has_alpha:  # an array has no name for alpha
        again, floats = again[..., :-1].reshape(shape), floats[..., :-1].reshape(shape)
        alpha = None
    if name == "WEBP" and channels == 1:  # WebP has no grey
        again, floats = again[..., 0], floats[..., 0]
    np.testing.assert_array_equal(again, floats)
    np.testing.assert_array_equal(again, to_unit(pixels))
    assert kept.dtype == dtype
    if alpha is not None:
        np.testing.assert_array_equal(kept.alpha, alpha)
        assert kept.alpha.dtype == dtype


@pytest.mark.parametrize("name", LOSSY)
def test_what_is_lossy_loses_little(tmp_path, name):
    y, x = np.mgrid[:32, :48] / 48
    picture = np.stack([x, y, (x + y) / 2], axis=-1).astype("float32")
    path = tmp_path / f"a{FORMATS[name].suffixes[0]}"
    write(picture, path)
    again, info = read(path)
    assert info.format == name
    assert np.abs(again - picture).max() < 0.03


def test_the_command_line_knows_the_formats():
    assert tuple(FORMATS) == files.FORMATS


METADATA = [
    (suffix, dtype)
    for suffix in (".png", ".tif", ".jpg", ".webp")
    for dtype in ("uint8", "uint16")
    if dtype in FORMATS[BY_SUFFIX[suffix]].depths
]


@pytest.mark.parametrize(("suffix", "dtype"), METADATA)
def test_metadata_travels(tmp_path, suffix, dtype):
    name = BY_SUFFIX[suffix]
    exif = Image.Exif()
    exif[271] = "Maker"
    given = ImageInfo(
        "RGB",
        dtype=dtype,
        icc_profile=PROFILE,
        exif=exif.tobytes(),
        dpi=(300.0, 200.0),
        xmp=XMP,
        note="keras_dip 1.0: denoise",
    )
    path = tmp_path / f"a{suffix}"
    write(to_unit(random((6, 9, 3), dtype)), path, info=given)
    _, info = read(path)
    assert info.icc_profile == PROFILE
    assert info.xmp == XMP
    if "dpi" in FORMATS[name].carries:
        assert info.dpi == pytest.approx((300, 200), abs=0.1)
    assert b"Maker" in info.exif
    with Image.open(path) as image:
        texts = [str(image.info.get("Software")), str(image.getexif().get(305))]
    assert "keras_dip 1.0: denoise" in texts


def test_a_deep_tiff_says_what_of_exif_it_loses(tmp_path):
    exif = Image.Exif()
    exif[271] = "Maker"
    exif.get_ifd(0x8769)[33434] = 0.01
    info = ImageInfo("RGB", dtype="uint16", exif=exif.tobytes())
    with pytest.warns(UserWarning, match="texts of EXIF alone"):
        write(to_unit(random((6, 9, 3), "uint16")), tmp_path / "a.tif", info=info)
    assert b"Maker" in read(tmp_path / "a.tif")[1].exif


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("channels", [3, 4])
def test_deep_pngs_are_turned_once(tmp_path, orientation, channels):
    exif = Image.Exif()
    exif[274], exif[271] = orientation, "Maker"
    info = ImageInfo("RGB", dtype="uint16", exif=exif.tobytes())
    pixels = random((6, 9, channels), "uint16")
    write(to_unit(pixels), tmp_path / "a.png", info=info)
    array, found = read(tmp_path / "a.png")
    turned = TURNS[orientation](pixels)
    np.testing.assert_array_equal(array, to_unit(turned[..., :3]))
    if channels == 4:
        np.testing.assert_array_equal(found.alpha, turned[..., 3])
    kept = Image.Exif()
    kept.load(found.exif)
    assert dict(kept) == {271: "Maker"}


@pytest.mark.parametrize("orientation", TURNS)
def test_deep_tiffs_are_turned_once(tmp_path, orientation):
    import tifffile

    pixels = random((6, 9, 3), "uint16")
    tags = [(274, 3, 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extratags=tags)
    array, info = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(array, to_unit(TURNS[orientation](pixels)))
    write(array, tmp_path / "b.tif", info=info)
    np.testing.assert_array_equal(read(tmp_path / "b.tif")[0], array)


@pytest.mark.parametrize(
    "options",
    [
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"planarconfig": "separate"},
        {"compression": "lzw", "predictor": 2},
        {"byteorder": ">"},
    ],
    ids=lambda options: next(iter(options)),
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [3, 6])
def test_tiffs_of_every_make(tmp_path, options, dtype, channels):
    import tifffile

    if dtype == "float32" and "predictor" in options:
        options = {**options, "predictor": 3}
    pixels = random((20, 33, channels), dtype)
    shown = pixels
    if "planarconfig" in options:
        shown = np.moveaxis(pixels, -1, 0)
    photometric = "rgb" if channels == 3 else "minisblack"
    options = {"planarconfig": "contig", **options}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, shown, photometric=photometric, metadata=None, **options)
    array, info = read(path)
    np.testing.assert_array_equal(array, to_unit(pixels))
    assert (info.dtype, info.alpha) == (dtype, None)


def test_floats_of_any_range_come_back(tmp_path):
    values = np.random.default_rng(0).normal(250, 90, (7, 8)).astype("float32")
    np.save(tmp_path / "a.npy", values)
    floats, info = read(tmp_path / "a.npy")
    assert (floats.min(), floats.max()) == (0, 1)
    assert info.data_range == (values.min(), values.max())
    write(floats, tmp_path / "a.tif", info=info)
    import tifffile

    again = tifffile.imread(tmp_path / "a.tif")
    np.testing.assert_allclose(again, values, rtol=1e-5)


def test_a_range_that_is_given(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0, 1000], [2000, 4000]], "int32"))
    floats, info = read(tmp_path / "a.npy", data_range=(0, 5000))
    np.testing.assert_allclose(floats, [[0, 0.2], [0.4, 0.8]])
    assert info.data_range == (0, 5000)
    with pytest.raises(ImageError, match=r"from 0 to 3000.*with 0 to 4000"):
        read(tmp_path / "a.npy", data_range=(0, 3000))


def test_numbers_that_are_none(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0.0, np.nan]]))
    with pytest.raises(ImageError, match="NaN or infinite"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("numbers", "given"),
    [([0, 1e300], None), ([-1.7e308, 1.7e308], None), ([0, 2], (0, 1e300))],
)
def test_numbers_that_32_bit_floats_cannot_hold(tmp_path, numbers, given):
    np.save(tmp_path / "a.npy", np.array([numbers], "float64"))
    with pytest.raises(ImageError, match=r"numbers up to 3\.4e\+38"):
        read(tmp_path / "a.npy", data_range=given)


@pytest.mark.parametrize("make", ["tif", "webp"])
def test_one_page_of_several(tmp_path, make):
    pages = [Image.fromarray(random((5, 6, 3), "uint8", seed)) for seed in range(3)]
    path = tmp_path / f"a.{make}"
    pages[0].save(path, save_all=True, append_images=pages[1:], lossless=True)
    array, _ = read(path, page=2)
    np.testing.assert_array_equal(array, to_unit(np.asarray(pages[1])))
    with pytest.raises(ImageError, match=r"page from 1 to 3\. Received: 4"):
        read(path, page=4)


def test_one_deep_page_of_several(tmp_path):
    import tifffile

    pages = random((3, 5, 6, 3), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="rgb", metadata=None)
    array, _ = read(tmp_path / "a.tif", page=3)
    np.testing.assert_array_equal(array, to_unit(pages[2]))
    with pytest.raises(ImageError, match=r"--page N.*holds 3"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("text", "expected", "dtype"),
    [
        (b"P2\n# hello\n2 1\n255\n0 255\n", [[0, 1]], "uint8"),
        (b"P2 3 1 1000 0 500 1000", [[0, 32768 / 65535, 1]], "uint16"),
        (b"P3 2 1 65535 0 1 2  3 65534 65535", None, "uint16"),
        (b"P5 2 1 1023\n\x00\x00\x03\xff", [[0, 1]], "uint16"),
        (b"P6 1 1 65535\n\xff\xff\x00\x00\xff\xff", [[[1, 0, 1]]], "uint16"),
        (b"P1\n2 1\n0 1\n", [[1, 0]], "uint8"),
    ],
)
def test_plain_and_deep_pnm(tmp_path, text, expected, dtype):
    (tmp_path / "a.pnm").write_bytes(text)
    if expected is None:
        expected = to_unit(np.array([[[0, 1, 2], [3, 65534, 65535]]], "uint16"))
    array, info = read(tmp_path / "a.pnm")
    np.testing.assert_array_equal(array, np.asarray(expected, "float32"))
    assert (info.dtype, info.data_range) == (dtype, None)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_either_byte_order_is_the_same_picture(tmp_path, order, kind):
    pixels = random((5, 6), np.dtype(kind).name)
    np.save(tmp_path / "a.npy", pixels.astype(order + kind))
    array, info = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(array, to_unit(pixels))
    assert (info.dtype, info.data_range) == (pixels.dtype.name, None)


def test_one_of_several_pnm_pictures(tmp_path):
    first, second = (f"P5\n2 1\n65535\n{t}".encode() for t in ("abcd", "efgh"))
    (tmp_path / "a.pgm").write_bytes(first + second + b"\n")
    with pytest.raises(ImageError, match=r"--page N.*holds 2"):
        read(tmp_path / "a.pgm")
    array, _ = read(tmp_path / "a.pgm", page=2)
    np.testing.assert_allclose(array, [[0x6566 / 65535, 0x6768 / 65535]], rtol=1e-6)
    with pytest.raises(ImageError, match=r"from 1 to 2\. Received: 3"):
        read(tmp_path / "a.pgm", page=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"P2 1 1 1000 5 6", "more values"),
        (b"P5 1 1 1000\n\xff\xff", "from 0 to 1000.*with 65535"),
    ],
)
def test_pnm_that_holds_more_than_it_says(tmp_path, text, message):
    (tmp_path / "a.pgm").write_bytes(text)
    with pytest.raises(ImageError, match=message):
        read(tmp_path / "a.pgm")


def test_pfm_begins_with_its_lowest_row(tmp_path):
    rows = np.array([[0, 1], [0.5, 0.25]], "<f4")
    (tmp_path / "a.pfm").write_bytes(b"Pf\n2 2\n-1\n" + rows.tobytes())
    array, _ = read(tmp_path / "a.pfm")
    np.testing.assert_array_equal(array, rows[::-1])
    with Image.open(tmp_path / "a.pfm") as image:
        np.testing.assert_array_equal(np.asarray(image), array)


@pytest.mark.parametrize("depth", [2, 4])
@pytest.mark.parametrize("has_alpha", [True, False])
def test_bands_of_pam_are_alpha_where_it_says_so(tmp_path, depth, has_alpha):
    kind = "GRAYSCALE" if depth == 2 else "RGB"
    kind = f"TUPLTYPE {kind}_ALPHA\n" if has_alpha else ""
    head = f"P7\nWIDTH 3\nHEIGHT 2\nDEPTH {depth}\nMAXVAL 255\n{kind}ENDHDR\n"
    pixels = random((2, 3, depth), "uint8")
    (tmp_path / "a.pam").write_bytes(head.encode() + pixels.tobytes())
    array, info = read(tmp_path / "a.pam")
    if has_alpha:
        np.testing.assert_array_equal(info.alpha, pixels[..., -1])
        pixels = pixels[..., 0] if depth == 2 else pixels[..., :3]
    np.testing.assert_array_equal(array, to_unit(pixels))


DOCS = Path(__file__).parents[2] / "docs" / "files.md"


@pytest.mark.skipif(not DOCS.exists(), reason="needs the source tree")
@pytest.mark.parametrize("name", FORMATS)
def test_the_table_in_the_docs_is_true(name):
    depths = {"uint8": "8", "uint16": "16", "float32": "32f"}
    kind = FORMATS[name]
    alpha = [depths[d] for n, d, c, a in CASES if n == name and c == 3 and a]

    def carried(what):
        return "kept" if what in kind.carries else "-"

    cells = [
        name,
        ", ".join(kind.suffixes),
        ", ".join(depths[depth] for depth in kind.depths),
        "kept",
        "kept" if kind.channels is None else "-",
        ", ".join(alpha) or "-",
        *map(carried, ("icc_profile", "exif", "xmp", "dpi")),
        "applied once" if "exif" in kind.carries else "-",
    ]
    assert f"| {' | '.join(cells)} |" in DOCS.read_text().splitlines()
