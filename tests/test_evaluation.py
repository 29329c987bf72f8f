import math

import numpy as np
import pytest
from PIL import Image

from keras_dip.degradations import Degradation
from keras_dip.errors import ImageError
from keras_dip.evaluation import Case, Pair, Protocol, find_pairs, load, luma


@pytest.fixture
def save(tmp_path):
    """Write pictures of some pixels, black by default; return the folder."""

    def write(*names, pixels=None):
        pixels = np.zeros((4, 4, 3), "uint8") if pixels is None else pixels
        for name in names:
            Image.fromarray(pixels).save(tmp_path / name)
        return tmp_path

    return write


def in_short(pairs):
    return [
        (p.name, p.clean.name, p.degraded and p.degraded.name, p.mask and p.mask.name)
        for p in pairs
    ]


def test_pairs_go_by_their_names(save):
    folder = save(
        "a_GT.png", "a_noisy.png", "a_jpeg.jpg", "a_b_GT.png", "a_b_noisy.png",
        "a_b_mask.bmp", "alone_GT.png", "other.png", "c_noisy.png",
    )  # fmt: skip
    (folder / "a_notes.txt").write_text("no picture")

    assert in_short(find_pairs(folder, clean_alone=False)) == [
        # a_b_noisy is not a picture of a.
        ("a_b_noisy", "a_b_GT.png", "a_b_noisy.png", "a_b_mask.bmp"),
        ("a_jpeg", "a_GT.png", "a_jpeg.jpg", None),
        ("a_noisy", "a_GT.png", "a_noisy.png", None),
        ("alone_GT", "alone_GT.png", None, None),
    ]


def test_clean_pictures_alone(save):
    folder = save("x.png", "y.jpg")
    assert in_short(find_pairs(folder, clean_alone=True)) == [
        ("x", "x.png", None, None),
        ("y", "y.jpg", None, None),
    ]

    save("x_GT.png", "x_noisy.png")
    assert in_short(find_pairs(folder, clean_alone=True)) == [
        ("x_GT", "x_GT.png", None, None)
    ]


@pytest.mark.parametrize(("name", "what"), [("", "none"), ("nowhere", "nowhere")])
def test_a_folder_without_pairs_is_refused(save, name, what):
    folder = save("x.png")

    with pytest.raises(ImageError, match=f"Expected a folder of .*{what}"):
        find_pairs(folder / name, clean_alone=False)


def test_luma_is_that_of_bt_601():
    colours = np.array([[[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], float)

    levels = luma(colours)[0, :, 0] * 255

    np.testing.assert_allclose(levels, [16, 235, 81.481, 144.553, 40.966], atol=1e-6)
    grey = luma(np.full((1, 1, 1), 0.5))
    assert grey.shape == (1, 1, 1) and grey[0, 0, 0] * 255 == pytest.approx(125.5)


def test_scores_are_those_of_the_integers_of_a_file():
    clean = np.full((8, 8), 100 / 255, "float32")

    psnr, _ = Protocol().scores(clean + np.float32(2.4 / 255), clean)

    assert psnr == pytest.approx(20 * math.log10(255 / 2), abs=1e-3)
    deep, _ = Protocol().scores(clean + np.float32(2.4 / 255), clean, "uint16")
    assert deep == pytest.approx(20 * math.log10(255 / 2.4), abs=1e-2)


def test_on_luma_a_shift_of_all_channels_counts_less():
    clean = np.zeros((8, 8, 3), "float32")

    psnr, _ = Protocol("luma").scores(clean + np.float32(51 / 255), clean)

    # 219 of 255 levels: 0.2 becomes 0.1718.
    assert psnr == pytest.approx(-20 * math.log10(0.2 * 219 / 255), abs=1e-3)


def test_the_border_does_not_count():
    clean = np.full((12, 14, 3), 0.4, "float32")
    broken = clean.copy()
    broken[:2], broken[-2:], broken[:, :2], broken[:, -2:] = 1, 1, 1, 1
    clean_integers = np.rint(clean * 255) / np.float32(255)

    inside = Protocol(border=2).scores(broken, clean_integers)
    whole = Protocol(border=1).scores(broken, clean_integers)

    assert inside == (math.inf, 1.0)
    assert whole[0] < 20 and whole[1] < 1


def test_pictures_that_cannot_be_compared_are_refused():
    with pytest.raises(ImageError, match=r"more than a border of 4.*8x9 pixels"):
        Protocol(border=4).scores(np.zeros((9, 8)), np.zeros((9, 8)))
    with pytest.raises(ImageError, match=r"\(9, 8, 3\).*\(9, 8\)"):
        Protocol().scores(np.zeros((9, 8)), np.zeros((9, 8, 3)))


def test_what_has_the_clean_size_is_cropped_like_it(save):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 10, 3), "uint8")
    folder = save("x_GT.png", "x_noisy.png", pixels=pixels)
    (pair,) = find_pairs(folder, clean_alone=False)

    case = load(pair, task="denoise", crop_multiple=4)

    np.testing.assert_array_equal(case.degraded, pixels[0:8, 1:9])
    np.testing.assert_allclose(case.clean * 255, pixels[0:8, 1:9], atol=1e-4)
    save("x_noisy.png", pixels=pixels[:4, :4])
    assert load(pair, task="super_resolve", crop_multiple=4).degraded.shape[0] == 4


def test_a_whole_jpeg_tells_how_it_was_coded(save):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 18, 3), dtype="uint8")
    folder = save("x_GT.png", pixels=pixels)
    Image.fromarray(pixels).save(folder / "x_small.jpg", quality=20)
    pair = Pair(folder / "x_GT.png", folder / "x_small.jpg")

    coding = load(pair, task="dejpeg").jpeg

    with Image.open(folder / "x_small.jpg") as image:
        assert coding.tables[0] == tuple(image.quantization[0])
    # A crop may cut through blocks.
    assert load(pair, task="dejpeg", crop_multiple=4).jpeg is None


def test_a_missing_degraded_picture_names_the_clean_one(save):
    pair = Pair(save("x_GT.png") / "x_GT.png")

    with pytest.raises(ImageError, match=r"beside .*x_GT.png.*--degrade.* none"):
        load(pair, task="denoise")


def holed():
    pixels = np.full((4, 5, 3), 200, "uint8")
    pixels[1, 2] = 0
    known = np.ones((4, 5), bool)
    known[1, 2] = False
    return pixels, known


def test_the_mask_of_a_file_serves_with_and_without_a_holed_picture(save):
    pixels, known = holed()
    folder = save("x_GT.png", pixels=np.full((4, 5, 3), 200, "uint8"))
    save("x_mask.png", pixels=np.uint8(known * 255))

    (alone,) = find_pairs(folder, clean_alone=False)
    save("x_holed.png", pixels=pixels)
    (both,) = find_pairs(folder, clean_alone=False)

    for pair in (alone, both):
        case = load(pair, task="inpaint")
        np.testing.assert_array_equal(case.mask, known)
        np.testing.assert_allclose(case.unrestored() * 255, pixels, atol=1e-4)


def test_without_a_mask_transparent_or_black_pixels_are_missing(save):
    pixels, known = holed()
    folder = save("x_GT.png", pixels=np.full((4, 5, 3), 200, "uint8"))
    save("x_black.png", pixels=pixels)
    clear = np.dstack([np.full((4, 5, 3), 200, "uint8"), np.uint8(known * 255)])
    save("x_clear.png", pixels=clear)

    for pair in find_pairs(folder, clean_alone=False):
        np.testing.assert_array_equal(load(pair, task="inpaint").mask, known)
    save("x_clear.png", pixels=np.full((4, 5, 3), 200, "uint8"))
    with pytest.raises(ImageError, match="Expected a mask beside"):
        load(Pair(folder / "x_GT.png", folder / "x_clear.png"), task="inpaint")


def test_a_made_degradation_takes_the_cropped_picture(save):
    folder = save("x.png", pixels=np.full((9, 10), 77, "uint8"))

    case = load(
        Pair(folder / "x.png"),
        task="super_resolve",
        degradation=Degradation("downscale", 4),
        crop_multiple=4,
    )

    assert case.clean.shape == (8, 8) and case.degraded.shape == (2, 2)
    # An even picture stays even, however it is resized.
    np.testing.assert_allclose(case.unrestored(), case.clean)


def test_the_depth_is_that_of_the_degraded_picture():
    clean = np.zeros((4, 4), "float32")

    assert Case(clean, np.zeros((4, 4), "uint16")).depth == "uint16"
    assert Case(clean, np.zeros((4, 4), "uint8")).depth == "uint8"
