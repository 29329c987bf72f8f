import io

import numpy as np
import pytest
from PIL import Image

CODES = np.arange(60, dtype="uint8").reshape(1, 4, 5, 3) * 4
REGENERATE = ("regenerate", "tiny.onnx", "-o", "out.png")


def test_the_picture_is_written(cli, tiny_onnx, pixels):
    tiny_onnx(CODES)

    ran = cli(*REGENERATE)

    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    np.testing.assert_array_equal(pixels("out.png"), CODES[0])


def test_standard_output(cli, tiny_onnx):
    tiny_onnx(CODES)

    ran = cli("regenerate", "tiny.onnx", "-o", "-")

    with Image.open(io.BytesIO(ran.out)) as image:
        np.testing.assert_array_equal(np.asarray(image), CODES[0])


def test_the_depth_is_that_of_the_source(cli, tiny_onnx, pixels):
    grey = CODES[..., :1]
    tiny_onnx(grey, shape=[4, 5], source_dtype="uint16")

    assert cli(*REGENERATE).code == 0

    assert pixels("out.png").dtype == np.uint16
    np.testing.assert_array_equal(pixels("out.png"), grey[0, ..., 0] * np.uint16(257))


def test_like_carries_alpha_profile_and_exif(cli, tiny_onnx, picture, folder, pixels):
    tiny_onnx(CODES)
    exif = Image.Exif()
    exif[315] = "A. Photographer"
    original = picture("like.png", (4, 5, 4), icc_profile=b"profile", exif=exif)

    assert cli(*REGENERATE, "--like", "like.png").code == 0

    np.testing.assert_array_equal(pixels("out.png")[..., :3], CODES[0])
    np.testing.assert_array_equal(pixels("out.png")[..., 3], original[..., 3])
    with Image.open(folder / "out.png") as image:
        assert image.info["icc_profile"] == b"profile"
        assert image.getexif()[315] == "A. Photographer"


def test_like_enlarges_alpha_with_the_picture(cli, tiny_onnx, picture, pixels):
    tiny_onnx(CODES.repeat(2, 1).repeat(2, 2))
    picture("like.png", (4, 5, 4))

    assert cli(*REGENERATE, "--like", "like.png").code == 0

    assert pixels("out.png").shape == (8, 10, 4)


def test_a_filled_hole_stays_filled(cli, tiny_onnx, picture, pixels):
    tiny_onnx(CODES, task="inpaint")
    original = picture("like.png", (4, 5, 4))
    assert original[..., 3].min() < 128

    assert cli(*REGENERATE, "--like", "like.png").code == 0

    assert pixels("out.png").shape == (4, 5, 3)


def test_like_of_another_picture_is_refused(cli, tiny_onnx, picture, folder):
    tiny_onnx(CODES)
    picture("like.png", (3, 3, 4))

    ran = cli(*REGENERATE, "--like", "like.png")

    assert ran.code == 1 and "5x4 pixels" in ran.err and "3x3 pixels" in ran.err
    assert not (folder / "out.png").exists()


def test_an_existing_output_needs_force(cli, tiny_onnx, folder, pixels):
    tiny_onnx(CODES)
    (folder / "out.png").write_bytes(b"mine")

    ran = cli(*REGENERATE)

    assert ran.code == 1 and ran.err.count("\n") == 1
    assert (folder / "out.png").read_bytes() == b"mine"
    assert cli(*REGENERATE, "--force").code == 0
    np.testing.assert_array_equal(pixels("out.png"), CODES[0])


@pytest.mark.parametrize("verb", [REGENERATE, ("info", "tiny.onnx")])
@pytest.mark.parametrize("contents", [None, b"", b"no protocol buffer"])
def test_a_bad_file_is_one_line(cli, folder, verb, contents):
    if contents is not None:
        (folder / "tiny.onnx").write_bytes(contents)

    ran = cli(*verb)

    assert (ran.code, ran.out) == (1, b"")
    assert ran.err.startswith("keras-dip: ") and ran.err.count("\n") == 1
    assert "tiny.onnx" in ran.err and not (folder / "out.png").exists()
