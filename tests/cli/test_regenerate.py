import io

import numpy as np
import pytest
from PIL import Image

from keras_dip.images import read

CODES = np.arange(60, dtype="uint8").reshape(1, 4, 5, 3) * 4
REGENERATE = ("regenerate", "tiny.onnx", "-o", "out.png")


def made_by(**task_options):
    return {"preset": "fast", "task_options": task_options}


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


def test_floats_are_not_cut_to_8_bits(cli, tiny_onnx, folder):
    tiny_onnx(CODES, source_dtype="float32")

    ran = cli(*REGENERATE)

    assert ran.code == 1 and ran.err.count("\n") == 1
    assert "for a picture of floating-point numbers (or --depth 8)" in ran.err
    assert cli(*REGENERATE, "--depth", "8").code == 0
    assert cli("regenerate", "tiny.onnx", "-o", "out.npy").code == 0
    np.testing.assert_allclose(np.load("out.npy"), CODES[0] / 255, rtol=1e-6)


@pytest.mark.parametrize("told", ["like", "option", "file"])
def test_floats_come_back_in_their_range(cli, tiny_onnx, folder, told):
    settings = made_by() | ({"data_range": [0, 500]} if told == "file" else {})
    tiny_onnx(CODES[..., :1], shape=[4, 5], source_dtype="float32", settings=settings)
    np.save("like.npy", np.linspace(120, 210, 20, dtype="float32").reshape(4, 5))
    more = [] if told == "file" else ["--data-range", "0,500"]
    more += ["--like", "like.npy"] if told == "like" else []

    ran = cli("regenerate", "tiny.onnx", "-o", "out.npy", *more)

    assert ran.code == 0, ran.err
    expected = CODES[0, ..., 0] * (500 / 255)
    np.testing.assert_allclose(np.load("out.npy"), expected, rtol=1e-6)


def test_a_range_or_page_of_nothing_is_refused(cli, tiny_onnx, picture):
    tiny_onnx(CODES)
    picture("like.png", (4, 5, 3))

    for options in (["--data-range", "0,500"], ["--page", "1"]):
        ran = cli(*REGENERATE, *options)
        assert ran.code == 2 and "Expected --" in ran.err
    ran = cli(*REGENERATE, "--data-range", "0,500", "--like", "like.png")
    assert ran.code == 1 and "which needs none" in ran.err


def test_like_of_several_pages(cli, tiny_onnx, folder, pixels):
    tiny_onnx(CODES[..., :1])
    pages = [Image.new("LA", (5, 4), (0, alpha)) for alpha in (10, 200)]
    pages[0].save("like.tif", save_all=True, append_images=pages[1:])

    assert cli(*REGENERATE, "--like", "like.tif").code == 1
    assert cli(*REGENERATE, "--like", "like.tif", "--page", "2").code == 0
    assert (pixels("out.png")[..., 1] == 200).all()


@pytest.mark.parametrize("channels", [2, 4])
def test_bands_are_no_transparency(cli, tiny_onnx, channels):
    codes = CODES.repeat(2, axis=-1)[..., :channels]
    tiny_onnx(codes)

    assert cli("regenerate", "tiny.onnx", "-o", "out.tif").code == 0

    array, info = read("out.tif")
    np.testing.assert_allclose(array, codes[0] / 255, rtol=1e-6)
    assert info.alpha is None
    ran = cli(*REGENERATE)
    assert ran.code == 1 and f"an 8-bit picture of {channels} channels" in ran.err


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
    tiny_onnx(CODES.repeat(2, 1).repeat(2, 2), settings=made_by(factor=2))
    picture("like.png", (4, 5, 4))

    assert cli(*REGENERATE, "--like", "like.png").code == 0

    assert pixels("out.png").shape == (8, 10, 4)


@pytest.mark.parametrize("holes", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mask", ["alpha", "given"])
def test_alpha_is_carried_unless_it_was_the_mask(
    cli, tiny_onnx, folder, pixels, mask, channels, holes
):
    codes = CODES[..., :channels]
    tiny_onnx(codes, task="inpaint", settings=made_by(mask=mask, keep_known=True))
    alpha = np.full((4, 5, 1), 255, "uint8")
    alpha[1, 2:4] = 0 if holes else 200
    like = np.concatenate([255 - codes[0], alpha], axis=-1)
    Image.fromarray(like).save(folder / "like.png")

    assert cli(*REGENERATE, "--like", "like.png").code == 0

    written = pixels("out.png").reshape(4, 5, -1)
    kept = [codes[0], alpha] if mask == "given" else [codes[0]]
    np.testing.assert_array_equal(written, np.concatenate(kept, axis=-1))


def test_like_of_16_bits_makes_the_picture_16_bits(cli, tiny_onnx, picture, pixels):
    tiny_onnx(CODES[..., :1], task="inpaint", settings=made_by(mask="given"))
    picture("like.png", (4, 5), "uint16")

    assert cli(*REGENERATE, "--like", "like.png").code == 0

    np.testing.assert_array_equal(pixels("out.png"), CODES[0, ..., 0] * np.uint16(257))


@pytest.mark.parametrize(
    ("like", "factor"), [((3, 3), 1), ((8, 10), 1), ((2, 2), 1), ((4, 5), 2)]
)
@pytest.mark.parametrize("channels", [3, 4])
def test_like_of_another_size_is_refused(
    cli, tiny_onnx, picture, folder, like, factor, channels
):
    tiny_onnx(CODES[:, :4, :4], settings=made_by(factor=factor))
    picture("like.png", (*like, channels))

    ran = cli(*REGENERATE, "--like", "like.png")

    assert ran.code == 1 and ran.err.count("\n") == 1
    assert f"the original, of {4 // factor}x{4 // factor} pixels" in ran.err
    assert f"'like.png' of {like[1]}x{like[0]} pixels" in ran.err
    assert not (folder / "out.png").exists()


@pytest.mark.parametrize(
    ("channels", "like", "message"),
    [
        (3, (4, 5), "a colour picture. Received: 'like.png', a grey one."),
        (3, (4, 5, 2), "a colour picture. Received: 'like.png', a grey one."),
        (1, (4, 5, 3), "a grey picture. Received: 'like.png', a colour one."),
        (1, (4, 5, 4), "a grey picture. Received: 'like.png', a colour one."),
    ],
)
def test_grey_and_colour_do_not_mix(
    cli, tiny_onnx, picture, folder, channels, like, message
):
    tiny_onnx(CODES[..., :channels])
    picture("like.png", like, icc_profile=b"profile")

    ran = cli(*REGENERATE, "--like", "like.png")

    assert ran.code == 1 and message in ran.err and ran.err.count("\n") == 1
    assert not (folder / "out.png").exists()


def test_a_picture_that_came_as_grey_without_channels(cli, tiny_onnx, picture, pixels):
    tiny_onnx(CODES[..., :1], shape=[4, 5])
    original = picture("like.png", (4, 5, 2))

    assert cli(*REGENERATE, "--like", "like.png").code == 0

    np.testing.assert_array_equal(pixels("out.png")[..., 0], CODES[0, ..., 0])
    np.testing.assert_array_equal(pixels("out.png")[..., 1], original[..., 1])


def test_a_picture_too_large_for_its_format_is_refused(cli, tiny_onnx, folder):
    tiny_onnx(np.zeros((1, 1, 16384, 3), "uint8"))

    ran = cli("regenerate", "tiny.onnx", "-o", "out.webp")

    assert ran.code == 1 and "Expected .png or .tif" in ran.err
    assert not (folder / "out.webp").exists()


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
