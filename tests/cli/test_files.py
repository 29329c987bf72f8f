"""How files are read and written, through the command line; the fit is a fake."""

import os

import numpy as np
import pytest
from PIL import Image

from keras_dip.images import ImageInfo, read, write


@pytest.fixture
def stack(folder):
    """Write six bands of 16 bits."""
    pixels = np.random.default_rng(0).random((6, 7, 6), "float32")
    write(pixels, "stack.tif", info=ImageInfo("", dtype="uint16"))
    return read("stack.tif")[0]


def test_six_bands_go_through(cli, prior, stack):
    ran = cli("denoise", "stack.tif", "-o", "out.tif")
    assert ran.code == 0, ran.err
    array, info = read("out.tif")
    np.testing.assert_array_equal(array, stack)
    assert (info.dtype, info.mode) == ("uint16", "uint16x6")


def test_what_cannot_hold_bands_is_refused_before_the_fit(cli, prior, stack):
    ran = cli("denoise", "stack.tif", "-o", "out.png")
    assert ran.code == 1
    assert "Expected .tif, .npy, .npz for a 16-bit picture of 6 channels" in ran.err
    assert not prior.made


def test_16_bit_colour_stays_so(cli, prior, folder):
    pixels = np.random.default_rng(0).random((6, 7, 3), "float32")
    write(pixels, "in.png", info=ImageInfo("", dtype="uint16"))
    assert cli("denoise", "in.png", "-o", "out.png").code == 0
    np.testing.assert_array_equal(read("out.png")[0], read("in.png")[0])
    assert read("out.png")[1].dtype == "uint16"
    assert cli("denoise", "in.png", "-o", "out8.jpg", "--depth", "8").code == 0
    assert read("out8.jpg")[1].dtype == "uint8"


def test_floats_keep_their_range(cli, prior, folder):
    values = np.random.default_rng(0).normal(300, 50, (6, 7)).astype("float32")
    np.save("in.npy", values)
    assert cli("denoise", "in.npy", "-o", "out.npy").code == 0
    np.testing.assert_allclose(np.load("out.npy"), values, rtol=1e-6)
    ran = cli("denoise", "in.npy", "-o", "x.npy", "--data-range", "0,100")
    assert ran.code == 1 and "values from 0 to 100" in ran.err
    ran = cli("denoise", "in.npy", "-o", "x.npy", "--data-range", "5,5")
    assert ran.code == 2 and "LOW < HIGH" in ran.err


def write_floats_with_alpha(alpha, dtype="float32"):
    import tifffile

    pixels = np.full((6, 7, 4), 0.5) * (1 if dtype == "float32" else 2**32)
    pixels[..., 3] = alpha
    pixels = pixels.astype(dtype)
    tifffile.imwrite("in.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])


@pytest.mark.parametrize(("alpha", "dtype"), [(0.2, "float32"), (2**32 // 5, "uint32")])
def test_alpha_of_floats_in_another_depth(cli, prior, folder, alpha, dtype):
    write_floats_with_alpha(alpha, dtype)
    ran = cli("denoise", "in.tif", "-o", "out.png", "--depth", "16")
    assert ran.code == 0, ran.err
    assert (read("out.png")[1].alpha == 65535 // 5).all()


def test_alpha_of_unknown_range_keeps_its_numbers_or_is_refused(cli, prior, folder):
    write_floats_with_alpha(51)
    ran = cli("denoise", "in.tif", "-o", "out.png", "--depth", "8")
    assert ran.code == 1 and "transparency from 0 to 1 for --depth 8" in ran.err
    assert not prior.made
    assert cli("denoise", "in.tif", "-o", "out.tif").code == 0
    assert (read("out.tif")[1].alpha == 51).all()


def test_format_without_a_suffix(cli, prior, picture, folder):
    picture("in.png", (6, 7, 3))
    assert cli("denoise", "in.png", "-o", "out", "--format", "tiff").code == 0
    assert read("out")[1].format == "TIFF"
    ran = cli("denoise", "in.png", "-o", "-", "--format", "npy", "-q")
    assert ran.out.startswith(b"\x93NUMPY")


def test_one_page(cli, prior, folder):
    pages = [Image.new("L", (7, 6), level) for level in (10, 200)]
    pages[0].save("in.tif", save_all=True, append_images=pages[1:])
    ran = cli("denoise", "in.tif", "-o", "out.tif")
    assert ran.code == 1 and "--page N" in ran.err
    assert cli("denoise", "in.tif", "-o", "out.tif", "--page", "2").code == 0
    assert np.asarray(Image.open("out.tif")).max() == 200


def test_the_note_and_the_rest_are_there_unless_stripped(cli, prior, folder):
    exif = Image.Exif()
    exif[271] = "Maker"
    image = Image.new("RGB", (7, 6))
    image.save("in.png", exif=exif.tobytes(), dpi=(300, 300), icc_profile=b"x" * 200)
    assert cli("denoise", "in.png", "-o", "out.png").code == 0
    with Image.open("out.png") as told:
        assert told.info["Software"].startswith("keras_dip ")
        assert "preset fast" in told.info["Software"]
        assert told.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert cli("denoise", "in.png", "-o", "bare.png", "--strip").code == 0
    with Image.open("bare.png") as bare:
        assert not bare.info
        assert not bare.getexif()


@pytest.mark.parametrize("name", ["two\nlines.png", b"caf\xe9.png", "-dash.png"])
def test_odd_names_are_written_and_told_in_one_line(cli, prior, picture, name):
    picture("in.png", (6, 7))
    out = os.fsdecode(name)
    ran = cli("denoise", "in.png", "-o", f"./{out}")
    assert ran.code == 0, ran.err
    assert os.path.exists(out)
    assert all(line.isprintable() for line in ran.err.splitlines())
    assert sum("wrote" in line for line in ran.err.splitlines()) == 1


def test_a_checkpoint_folder_is_no_output(cli, prior, picture):
    picture("in.png", (6, 7))
    ran = cli("denoise", "in.png", "-o", "a.png", "--checkpoint", "a.png")
    assert ran.code == 2 and "a folder of its own for --checkpoint" in ran.err


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("--max-memory", "4X", 2), ("--page", "0", 2)],
)
def test_bad_values(cli, picture, option, value, code):
    picture("in.png", (6, 7))
    ran = cli("denoise", "in.png", "-o", "a.png", option, value)
    assert (ran.code == code and "Expected" in ran.err) or "not in the range" in ran.err


def test_tiles_and_memory_reach_the_fit(cli, prior, picture):
    picture("in.png", (6, 7))
    options = ["--tile", "256", "--tile-overlap", "32", "--max-memory", "1.5G"]
    assert cli("denoise", "in.png", "-o", "a.png", *options).code == 0
    (made,) = prior.made
    given = {k: made.settings[k] for k in ("tile", "tile_overlap", "max_memory")}
    assert given == {"tile": 256, "tile_overlap": 32, "max_memory": 3 * 2**29}


def test_snapshots_of_bands_are_tiffs(cli, prior, stack, folder):
    ran = cli("denoise", "stack.tif", "-o", "out.tif", "--snapshots", "snaps")
    assert ran.code == 0, ran.err
    assert read("snaps/step_00025.tif")[0].shape == (6, 7, 6)
