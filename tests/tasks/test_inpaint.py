"""Inpainting: masks of every kind, what is compared, and what is pasted back."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_dip import models
from keras_dip.settings import resolve
from keras_dip.tasks.inpaint import Inpaint

KNOWN = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]], dtype=bool)


def mask_of(task, picture):
    return task.prepare(picture).observed["mask"][0]


@pytest.mark.parametrize(
    "mask",
    [
        KNOWN,
        KNOWN[..., np.newaxis],
        KNOWN.astype("uint8"),
        KNOWN.astype("uint8") * 255,
        KNOWN.astype("uint16") * 65535,
        KNOWN.astype("uint16"),
        KNOWN.astype("int64"),
        np.where(KNOWN, 255, 0),
        KNOWN.astype("float32"),
        KNOWN.astype("float64") * 255,
        KNOWN.astype("float16") * 0.6 + 0.1,
        KNOWN.tolist(),
    ],
    ids=lambda mask: f"{getattr(mask, 'dtype', 'list')}, up to {np.max(mask)}",
)
def test_masks_of_every_kind(picture, mask):
    found = mask_of(Inpaint(mask), picture(3, 4, 3))
    np.testing.assert_array_equal(found, KNOWN[..., np.newaxis])
    assert found.dtype == "float32"


def as_image(array, mode=None):
    image = Image.fromarray(array)
    return image.convert(mode) if mode else image


def palette_image():
    """Return KNOWN with white as colour 0: the numbers are the wrong way round."""
    image = Image.fromarray((~KNOWN).astype("uint8"))
    image.putpalette([255, 255, 255, 0, 0, 0])
    return image


def turned_image():
    """Return KNOWN lying on its side, with the EXIF orientation that rights it."""
    image = Image.fromarray(np.rot90(KNOWN).astype("uint8") * 255)
    image.getexif()[274] = 6
    return image


GREY = KNOWN.astype("uint8") * 255
CLEAR = np.where(KNOWN, 0, 255).astype("uint8")  # the other way round than the colours


@pytest.mark.parametrize(
    "image",
    [
        as_image(GREY),
        as_image(GREY, "1"),
        as_image(GREY, "RGB"),
        as_image(GREY * np.uint16(257)),
        as_image(KNOWN.astype("float32")),
        as_image(np.dstack([GREY, CLEAR])),
        as_image(np.dstack([GREY, GREY, GREY, CLEAR])),
        palette_image(),
        turned_image(),
    ],
    ids=["L", "1", "RGB", "I;16", "F", "LA", "RGBA", "P", "turned"],
)
def test_pillow_masks_are_seen_as_a_person_sees_them(picture, image):
    found = mask_of(Inpaint(image), picture(3, 4, 3))
    np.testing.assert_array_equal(found, KNOWN[..., np.newaxis])


def test_a_pillow_mask_is_known_above_one_half(picture):
    image = as_image(np.array([[126, 127], [128, 129]], "uint8"))
    found = mask_of(Inpaint(image), picture(2, 2, 3))
    np.testing.assert_array_equal(found[..., 0], [[0, 0], [1, 1]])


def test_a_pillow_mask_for_each_channel(picture):
    mask = np.stack([KNOWN, ~KNOWN, KNOWN], axis=-1)
    image = as_image(mask.astype("uint8") * 255)
    np.testing.assert_array_equal(mask_of(Inpaint(image), picture(3, 4, 3)), mask)


def test_a_pillow_mask_of_floats_out_of_range():
    message = r"Expected values in \[0, 1\]\. Received: min 0, max 255"
    with pytest.raises(ValueError, match=message):
        Inpaint(as_image(KNOWN.astype("float32") * 255))


@pytest.mark.parametrize(
    ("dtype", "greys"), [("uint8", [127, 128]), ("uint16", [32767, 32768])]
)
def test_integers_are_known_above_half_of_their_range(picture, dtype, greys):
    mask = np.array([greys, [0, 200 if dtype == "uint8" else 60000]], dtype)
    found = mask_of(Inpaint(mask), picture(2, 2, 1))
    np.testing.assert_array_equal(found[..., 0], [[0, 1], [0, 1]])


def test_a_mask_for_each_channel(picture):
    mask = np.stack([KNOWN, ~KNOWN, KNOWN], axis=-1)
    observed = picture(3, 4, 3)
    problem = Inpaint(mask).prepare(observed)
    np.testing.assert_array_equal(problem.observed["mask"][0], mask)
    np.testing.assert_array_equal(problem.observed["picture"][0], observed * mask)


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_the_mask_when_there_is_no_other(picture, channels):
    observed = picture(3, 4, channels)
    observed[..., -1] = np.where(KNOWN, 0.8, 0.2)
    problem = Inpaint().prepare(observed)
    assert problem.shape == (3, 4, channels - 1)
    np.testing.assert_array_equal(problem.observed["mask"][0, ..., 0], KNOWN)
    expected = observed[..., :-1] * KNOWN[..., np.newaxis]
    np.testing.assert_array_equal(problem.observed["picture"][0], expected)


def test_a_given_mask_leaves_four_channels_alone(picture):
    problem = Inpaint(KNOWN).prepare(picture(3, 4, 4))
    assert problem.shape == (3, 4, 4)


def test_missing_pixels_do_not_reach_the_problem(picture):
    one, other = picture(3, 4, 3), picture(3, 4, 3, seed=1)
    other[KNOWN] = one[KNOWN]
    first, second = (Inpaint(KNOWN).prepare(x) for x in (one, other))
    for key in ("picture", "mask"):
        np.testing.assert_array_equal(first.observed[key], second.observed[key])
    np.testing.assert_array_equal(first.guess, second.guess)


def test_data_term_is_the_mean_over_all_pixels_of_known_errors(picture):
    task, observed = Inpaint(KNOWN), picture(3, 4, 3)
    problem = task.prepare(observed)
    x = observed[np.newaxis] + 0.1
    x[:, ~KNOWN] = 7
    loss = keras.ops.convert_to_numpy(task.data_term(x, problem.observed))
    assert loss.shape == ()
    assert loss == pytest.approx(0.01 * KNOWN.mean(), rel=1e-3)


def test_holes_of_the_first_guess_are_the_mean_of_what_is_known(picture):
    observed = picture(3, 4, 3)
    guess = Inpaint(KNOWN).prepare(observed).guess[0]
    np.testing.assert_array_equal(guess[KNOWN], observed[KNOWN])
    mean = observed[KNOWN].mean(axis=0)
    expected = np.broadcast_to(mean, guess[~KNOWN].shape)
    np.testing.assert_allclose(guess[~KNOWN], expected, rtol=1e-5)


@pytest.mark.parametrize("per_channel", [False, True])
def test_z_holds_the_known_pixels_and_the_mask(picture, per_channel):
    mask = np.stack([KNOWN, ~KNOWN, KNOWN], axis=-1) if per_channel else KNOWN
    task, observed = Inpaint(mask), picture(3, 4, 3)
    found = task.z_picture(task.prepare(observed).observed)[0]
    mask = mask.reshape(3, 4, -1)
    np.testing.assert_array_equal(found[..., :3], observed * mask)
    np.testing.assert_array_equal(found[..., 3:], mask)


@pytest.mark.parametrize("per_channel", [False, True])
def test_known_pixels_are_pasted_back_on_request(picture, per_channel):
    mask = np.stack([KNOWN, ~KNOWN, KNOWN], axis=-1) if per_channel else KNOWN
    observed, x = picture(3, 4, 3), picture(1, 3, 4, 3, seed=1)
    task = Inpaint(mask, keep_known=True)
    problem = task.prepare(observed)
    finished = keras.ops.convert_to_numpy(task.finish(x, problem.observed))[0]
    known = np.broadcast_to(mask if per_channel else mask[..., None], observed.shape)
    np.testing.assert_array_equal(finished[known], observed[known])
    np.testing.assert_array_equal(finished[~known], x[0][~known])


def test_without_the_request_the_output_is_the_result(picture):
    task, x = Inpaint(KNOWN), picture(1, 3, 4, 3, seed=1)
    problem = task.prepare(picture(3, 4, 3))
    assert task.finish(x, problem.observed) is x


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (
            "paper-text",
            {
                "z": ("noise", 32),
                "channels": (128,) * 5,
                "skips": (128,) * 5,
                "upsampling": "nearest",
                "learning_rate": 0.01,
                "steps": 6001,
                "jitter": 0.03,
            },
        ),
        (
            "paper-hole",
            {
                "z": ("meshgrid", 2),
                "channels": (128,) * 5,
                "skips": (0,) * 5,
                "upsampling": "nearest",
                "learning_rate": 0.01,
                "steps": 5001,
                "jitter": 0.03,
            },
        ),
        (
            "paper-large-hole",
            {
                "z": ("noise", 1),
                "channels": (16, 32, 64, 128, 128, 128),
                "skips": (0,) * 6,
                "down_kernel": 5,
                "up_1x1": False,
                "upsampling": "nearest",
                "learning_rate": 0.01,
                "steps": 3001,
                "jitter": 0.0,
            },
        ),
        (
            "paper-random",
            {
                "z": ("noise", 32),
                "channels": (128,) * 5,
                "skips": (4,) * 5,
                "upsampling": "bilinear",
                "learning_rate": 0.001,
                "steps": 11000,
                "jitter": 0.03,
            },
        ),
    ],
)
def test_published_settings(published, preset, expected):
    found = vars(published(Inpaint(), preset))
    others = {
        "down_kernel": 3,
        "up_1x1": True,
        "average": 0,
        "average_from_first": False,
    }
    assert found == {**others, **expected}


def test_paper_alone_lists_its_variants():
    message = (
        r"variant .*: paper-text, paper-hole, paper-large-hole, .*paper-random\. "
        "Received: 'paper'"
    )
    with pytest.raises(ValueError, match=message):
        Inpaint().preset_settings("paper")


@pytest.mark.parametrize(("mask", "source"), [(KNOWN, "given"), (None, "alpha")])
def test_settings_can_be_recorded(mask, source):
    settings = json.loads(json.dumps(Inpaint(mask, keep_known=True).settings()))
    assert settings == {"mask": source, "invert_mask": False, "keep_known": True}


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones(4), r"\[height, width\] or .*channels\]\. Received: shape \(4,\)"),
        (np.ones((1, 3, 4, 1)), r"Received: shape \(1, 3, 4, 1\)"),
        (np.ones((0, 4)), r"Received: shape \(0, 4\)"),
        (np.full((3, 4), np.nan), "Expected a mask of booleans or finite numbers"),
        (np.full((3, 4), "x"), "booleans or finite numbers. Received: dtype <U1"),
    ],
    ids=["row", "batch", "empty", "nan", "text"],
)
def test_what_is_no_mask(mask, message):
    with pytest.raises(ValueError, match=message):
        Inpaint(mask)


@pytest.mark.parametrize(
    "shape", [(4, 3), (3, 5), (3, 4, 2), (1, 1)], ids=lambda shape: str(shape)
)
def test_a_mask_of_another_size(picture, shape):
    task = Inpaint(np.ones(shape, bool))
    message = r"Expected a mask of 3 x 4 pixels \(height x width\), .* each of 3\. Rec"
    with pytest.raises(ValueError, match=message):
        task.prepare(picture(3, 4, 3))


@pytest.mark.parametrize("mask", [np.zeros((3, 4), bool), np.full((3, 4), 90, "uint8")])
def test_nothing_known(picture, mask):
    with pytest.raises(ValueError, match="Received: a mask in which every pixel is mi"):
        Inpaint(mask).prepare(picture(3, 4, 3))


def test_nothing_opaque(picture):
    observed = picture(3, 4, 4)
    observed[..., -1] = 0
    with pytest.raises(ValueError, match="every pixel is missing"):
        Inpaint().prepare(observed)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_neither_mask_nor_alpha(picture, channels):
    message = rf"Inpaint\(mask\).*Received: a picture of {channels} channel"
    with pytest.raises(ValueError, match=message):
        Inpaint().prepare(picture(3, 4, channels))


def test_an_inverted_mask_is_white_where_pixels_are_missing(picture):
    found = mask_of(Inpaint(~KNOWN, invert_mask=True), picture(3, 4, 3))
    np.testing.assert_array_equal(found, KNOWN[..., np.newaxis])


@pytest.mark.parametrize("colour", ["#ff00ff", "FF00FF"])
def test_a_colour_painted_over_what_is_missing(picture, colour):
    painted = picture(3, 4, 3) * np.float32(0.9)
    painted[~KNOWN] = (1, 0, 1)
    painted[0, 1] = np.array([250, 5, 255]) / 255  # an editor's rounding
    task = Inpaint(mask_color=colour)
    assert not task.takes_alpha
    problem = task.prepare(painted)
    np.testing.assert_array_equal(problem.observed["mask"][0, ..., 0], KNOWN)
    assert problem.observed["picture"][0, 0, 1].max() == 0
    assert task.settings()["mask"] == "#ff00ff"
    other = Inpaint(mask_color=colour, invert_mask=True)
    np.testing.assert_array_equal(mask_of(other, painted)[..., 0], ~KNOWN)


@pytest.mark.parametrize("colour", ["#ff00f", "magenta", "#ff00zz", 5, ""])
def test_what_is_no_colour(colour):
    with pytest.raises(ValueError, match="Expected mask_color as #rrggbb") as raised:
        Inpaint(mask_color=colour)
    assert str(raised.value).endswith(f"Received: {colour!r}")


def test_a_colour_that_is_not_there_or_beside_a_mask(picture):
    with pytest.raises(ValueError, match="mask_color #ff00ff in the picture"):
        Inpaint(mask_color="#ff00ff").prepare(picture(3, 4, 3) * 0.5)
    with pytest.raises(ValueError, match="Expected a mask or a mask_color"):
        Inpaint(KNOWN, mask_color="#ff00ff")
    with pytest.raises(ValueError, match="Received: 2 channels"):
        Inpaint(mask_color="#000000").prepare(picture(3, 4, 2))


@pytest.mark.parametrize(
    ("preset", "network", "weights", "learning_rate", "steps"),
    [
        ("paper-sparse", "skip", 1_027_379, 0.01, 1000),
        ("paper-large-hole-unet", "unet", 1_616_315, 0.001, 3001),
        ("paper-large-hole-resnet", "resnet", 158_979, 0.001, 3001),
    ],
)
def test_published_networks_and_their_weights(
    preset, network, weights, learning_rate, steps
):
    paper = resolve(Inpaint(KNOWN), preset)
    assert (paper.network, paper.latent) == (network, "noise")
    assert (paper.learning_rate, paper.steps) == (learning_rate, steps)
    assert paper.jitter == 0
    built = models.build(
        network, (64, 64), input_channels=paper.latent_channels, **paper.network_options
    )
    count = sum(int(np.prod(v.shape)) for v in built.trainable_variables)
    assert count == weights
