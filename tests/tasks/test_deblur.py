"""Deblurring: which blur, what is compared, and what is refused."""

import json

import keras
import numpy as np
import pytest
from scipy import ndimage

from keras_dip import DeepImagePrior
from keras_dip.ops.blur import disk_psf, motion_psf
from keras_dip.stopping import Fission, Plateau, rule_for
from keras_dip.tasks import deblur
from keras_dip.tasks.deblur import Deblur

CROOKED = np.array([[0, 1, 0, 2], [3, 0, 0, 1], [0, 0, 4, 0]])


@pytest.mark.parametrize(
    ("options", "psf"),
    [
        ({"psf": CROOKED}, CROOKED / 11),
        ({"motion": (7, 30)}, motion_psf(7, 30)),
        ({"disk": 2.5}, disk_psf(2.5)),
    ],
)
def test_degrade_is_a_convolution(picture, options, psf):
    x = picture(1, 16, 13, 3)
    found = keras.ops.convert_to_numpy(Deblur(**options).degrade(x))
    expected = ndimage.convolve(x[0], psf[..., np.newaxis], mode="reflect")
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_a_gaussian_is_that_of_scipy(picture):
    x = picture(1, 16, 13, 3)
    found = keras.ops.convert_to_numpy(Deblur(gaussian=1.2).degrade(x))
    expected = ndimage.gaussian_filter(x[0], (1.2, 1.2, 0))
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "psf",
    [
        CROOKED,
        CROOKED * 17,
        CROOKED.tolist(),
        CROOKED.astype("uint8")[..., np.newaxis],
        np.repeat(CROOKED[..., np.newaxis], 3, axis=2) / 4,
    ],
)
def test_a_psf_may_be_a_picture_of_any_brightness(psf):
    np.testing.assert_allclose(Deblur(psf).psf, CROOKED / CROOKED.sum())


def test_a_psf_for_each_channel_is_averaged():
    coloured = np.stack([CROOKED, 0 * CROOKED, CROOKED[::-1]], axis=-1)
    mean = (CROOKED + CROOKED[::-1]) / (2 * CROOKED.sum())
    np.testing.assert_allclose(Deblur(coloured).psf, mean)


@pytest.mark.parametrize("options", [{"gaussian": 1.0}, {"psf": CROOKED}])
def test_data_term_and_finish(picture, options):
    task, x = Deblur(**options), picture(1, 16, 12, 3)
    blurred = keras.ops.convert_to_numpy(task.degrade(x))
    problem = task.prepare(blurred[0].clip(0, 1))
    assert problem.shape == (16, 12, 3)
    np.testing.assert_allclose(problem.guess, blurred, atol=1e-6)
    observed = {"picture": blurred + 0.1}
    loss = keras.ops.convert_to_numpy(task.data_term(x, observed))
    assert loss.shape == ()
    assert loss == pytest.approx(0.01, rel=1e-4)
    assert task.finish(x, observed) is x


@pytest.mark.parametrize("options", [{"gaussian": 1.0}, {"motion": (5, 40)}])
@pytest.mark.parametrize("size", [(16, 12), (15, 17)])
def test_back_projection_weighs_frequencies_by_what_the_blur_left(
    picture, options, size
):
    task, softening = Deblur(**options), deblur.SOFTENING
    observed = picture(*size, 2)
    problem = task.back_project(task.prepare(observed))
    x = picture(1, *size, 2, seed=1)
    loss = float(task.data_term(x, problem.observed))
    # An independent way: the filter itself, applied to the residual.
    error = keras.ops.convert_to_numpy(task.degrade(x))[0] - observed
    gain = np.abs(np.fft.fft2(task.psf, size))[..., np.newaxis]
    root = 1 / np.sqrt(gain**2 + softening)
    root /= np.sqrt(np.mean(root**2))
    filtered = np.fft.ifft2(np.fft.fft2(error, axes=(0, 1)) * root, axes=(0, 1))
    assert loss == pytest.approx(np.mean(np.abs(filtered) ** 2), rel=1e-4)


def test_back_projection_leaves_the_level_of_white_noise():
    task = Deblur(gaussian=1.5)
    noise = np.random.default_rng(0).normal(0, 0.1, (64, 64, 3)).astype("float32")
    problem = task.back_project(task.prepare(0.5 + noise))
    grey = np.full((1, 64, 64, 3), 0.5, "float32")
    loss = float(task.data_term(grey, problem.observed))
    assert loss == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("psf_of", [{"gaussian": 1.6}, {"motion": (9, 30)}])
def test_the_noise_of_a_blurred_picture_is_measured(psf_of, scene):
    task = Deblur(**psf_of)
    blurred = keras.ops.convert_to_numpy(task.degrade(scene(96, 80, 3)[np.newaxis]))[0]
    clean = task.prepare(blurred)
    assert isinstance(rule_for("auto", clean), Plateau)
    noise = np.random.default_rng(0).normal(0, 0.02, blurred.shape)
    noisy = task.prepare((blurred + noise).clip(0, 1).astype("float32"))
    assert noisy.sigma == pytest.approx(0.02, rel=0.1)
    assert isinstance(rule_for("auto", noisy), Fission)


def test_fission_compares_blurred_pictures(scene):
    task, x = Deblur(gaussian=2.0), scene(96, 80, 3)[np.newaxis]
    blurred = keras.ops.convert_to_numpy(task.degrade(x))
    noise = np.random.default_rng(0).normal(0, 0.05, blurred.shape)
    problem = task.prepare((blurred + noise)[0].astype("float32"))
    rule = rule_for("fission", problem)
    rule.hold_back(problem, np.random.default_rng(1))

    def measure(picture):
        rule.set_model(type("Model", (), {"picture": lambda self: picture})())
        return rule.measure()

    off = x + np.float32(0.1)
    error = np.mean(np.square(keras.ops.convert_to_numpy(task.degrade(off)) - blurred))
    # What the rule leaves out is the same for all pictures.
    assert measure(off) - measure(x) == pytest.approx(error, rel=0.2)
    # The error of a blurred picture says nothing of the sharp one's.
    assert rule.squared_error(x) is None


@pytest.mark.parametrize("size", [(64, 48), (41, 37)])
def test_z_is_the_sharpened_picture(scene, size):
    task, x = Deblur(motion=(7, 30)), scene(*size, 3)
    blurred = keras.ops.convert_to_numpy(task.degrade(x[np.newaxis]))[0]
    problem = task.prepare(blurred)
    z = task.z_picture(problem.observed)
    assert (z.shape, z.dtype) == ((1, *size, 3), "float32")
    before, after = (np.mean(np.square(p - x)) for p in (blurred, z[0]))
    assert after < before / 2
    # The more noise, the less is sharpened.
    noise = np.random.default_rng(0).normal(0, 0.05, blurred.shape)
    noisy = task.prepare((blurred + noise).clip(0, 1).astype("float32"))
    softer, sharper = (p.observed["softening"].item() for p in (noisy, problem))
    assert softer > 10 * sharper


def test_a_fit_runs_from_end_to_end(scene, tiny_network):
    task = Deblur(disk=1.5)
    blurred = keras.ops.convert_to_numpy(task.degrade(scene(20, 18, 1)[np.newaxis]))[0]
    noise = np.random.default_rng(0).normal(0, 0.02, blurred.shape)
    img = (blurred + noise).clip(0, 1)[..., 0]
    network = tiny_network(20, 18, 1, inputs=6)
    restoration = DeepImagePrior(task, network=network, steps=4, members=2).fit(img)
    assert restoration.image.shape == (20, 18)
    assert restoration.uncertainty.shape == (20, 18)
    assert restoration.settings["stop"] == "fission"


@pytest.mark.parametrize(
    ("options", "recorded"),
    [
        ({"psf": CROOKED}, '{"psf": [3, 4]}'),
        ({"gaussian": np.float32(1.5)}, '{"gaussian": 1.5}'),
        ({"motion": (15, 30)}, '{"motion": [15.0, 30.0]}'),
        ({"disk": 4}, '{"disk": 4.0}'),
    ],
)
def test_settings_can_be_recorded(options, recorded):
    assert json.dumps(Deblur(**options).settings()) == recorded


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({}, "none"),
        ({"gaussian": 1.0, "disk": 2.0}, "gaussian, disk"),
        ({"psf": CROOKED, "motion": (3, 4)}, "psf, motion"),
    ],
)
def test_exactly_one_blur(options, received):
    with pytest.raises(ValueError, match="Expected exactly one of psf, gau") as raised:
        Deblur(**options)
    assert str(raised.value).endswith(f"Received: {received}")


@pytest.mark.parametrize(
    ("psf", "message"),
    [
        (-CROOKED, "without negative values. Received: -4"),
        (0 * CROOKED, "a value above 0. Received: all zero"),
        (CROOKED * np.nan, "finite values. Received: NaN or infinity"),
        (CROOKED[0], r"\[height, width\] or .* Received: shape \(4,\)"),
        (CROOKED[:0], r"Received: shape \(0, 4\)"),
        ("psf.png", r"Received: shape \(\), dtype <U7"),
    ],
)
def test_no_psf(psf, message):
    with pytest.raises(ValueError, match=message) as raised:
        Deblur(psf)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("shape", [(2, 9), (9, 3)])
def test_a_psf_larger_than_the_picture(picture, shape):
    message = r"no larger than the picture, \d x \d .*\. Received: 3 x 4"
    with pytest.raises(ValueError, match=message):
        Deblur(CROOKED).prepare(picture(*shape, 1))
    Deblur(CROOKED).prepare(picture(3, 4, 1))


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), 501, True, "2"])
def test_no_deviation_or_radius(value):
    for name in ("gaussian", "disk"):
        with pytest.raises(ValueError, match=rf"Expected {name} \(pixels\) as a num"):
            Deblur(**{name: value})


@pytest.mark.parametrize(
    "motion", [(0, 30), (-5, 30), (5,), (5, 6, 7), 5, "ab", (5, float("inf")), (501, 0)]
)
def test_no_motion(motion):
    with pytest.raises(ValueError, match="Expected motion as a length") as raised:
        Deblur(motion=motion)
    assert str(raised.value).endswith(f"Received: {motion!r}")
