"""Demosaicing: a grey mosaic goes in, a colour picture comes out."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_dip import DeepImagePrior
from keras_dip.onnx_io.regenerate import regenerate
from keras_dip.ops.mosaic import PATTERNS, bilinear, mosaic, sites
from keras_dip.stopping import Fission, Plateau, rule_for
from keras_dip.tasks.demosaic import DECLARATION, Demosaic


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_a_mosaic_becomes_a_colour_picture(picture, pattern, size):
    task, x = Demosaic(pattern), picture(1, *size, 3)
    seen = keras.ops.convert_to_numpy(task.degrade(x))
    np.testing.assert_array_equal(seen, mosaic(x, pattern))
    problem = task.prepare(seen[0])
    assert problem.shape == (*size, 3)
    mask = sites(pattern, *size)
    np.testing.assert_array_equal(problem.observed["sites"][0], mask)
    np.testing.assert_array_equal(problem.observed["picture"], x * mask)
    np.testing.assert_array_equal(problem.guess[0], bilinear(x[0], mask))
    # The picture that gave the mosaic has no error.
    assert float(task.data_term(x, problem.observed)) == 0


def test_only_what_was_measured_counts(picture):
    task, x = Demosaic(), picture(1, 6, 5, 3)
    problem = task.prepare(keras.ops.convert_to_numpy(task.degrade(x))[0])
    wrong = np.where(problem.observed["sites"] > 0, x + 0.1, 7)
    loss = keras.ops.convert_to_numpy(task.data_term(wrong, problem.observed))
    assert loss.shape == ()
    assert loss == pytest.approx(0.01 / 3, rel=1e-4)
    assert task.finish(x, problem.observed) is x


def test_three_equal_channels_are_a_mosaic(picture):
    y = picture(6, 5, 1)
    one, three = (Demosaic().prepare(a) for a in (y, np.repeat(y, 3, axis=-1)))
    assert one.shape == three.shape
    for name in ("picture", "sites"):
        np.testing.assert_array_equal(one.observed[name], three.observed[name])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (6, 5, 3),
            r"one channel or three equal ones\. Received: 3 channels that diff",
        ),
        (
            (6, 5, 2),
            r"one channel or three equal ones\. Received: 2 channels that diff",
        ),
        ((1, 5, 1), r"at least 2 x 2 pixels\. Received: 1 x 5"),
    ],
)
def test_no_mosaic(picture, shape, message):
    with pytest.raises(ValueError, match=message):
        Demosaic().prepare(picture(*shape))


def test_noise_is_measured_on_each_site_by_itself(scene):
    x = scene(128, 128, 3)
    y = np.asarray(mosaic(x[np.newaxis], "RGGB"))[0]
    noise = np.random.default_rng(0).normal(0, 0.05, y.shape)
    problem = Demosaic().prepare((y + noise).clip(0, 1).astype("float32"))
    assert problem.sigma == pytest.approx(0.05, rel=0.1)
    assert Demosaic().prepare(y).sigma < 0.005
    flat = Demosaic().prepare(np.full((8, 8, 1), 0.5, "float32"))
    assert isinstance(rule_for("auto", flat), Plateau)


def test_the_rule_compares_what_was_measured(scene):
    x = scene(96, 97, 3)
    y = np.asarray(mosaic(x[np.newaxis], "RGGB"))[0]
    noise = np.random.default_rng(0).normal(0, 0.05, y.shape)
    problem = Demosaic().prepare((y + noise).clip(0, 1).astype("float32"))
    rule = rule_for("auto", problem)
    assert isinstance(rule, Fission)
    rule.hold_back(problem, np.random.default_rng(1))

    def measure(picture):
        rule.set_model(type("Model", (), {"picture": lambda self: picture})())
        return rule.measure()

    measured = problem.observed["sites"]
    x = x[np.newaxis]
    off = x + np.float32(0.1)
    assert measure(off) - measure(x) == pytest.approx(0.01 / 3, rel=0.2)
    # What was not measured is of no weight.
    assert measure(np.where(measured > 0, x, 0.5)) == pytest.approx(measure(x))


def test_a_fit_makes_colours_of_a_grey_picture(scene, tiny_network, tmp_path):
    colour = scene(20, 18, 3)
    img = np.asarray(mosaic(colour[np.newaxis], "RGGB"))[0, ..., 0]
    prior = DeepImagePrior(
        Demosaic(),
        network=tiny_network(20, 18, 3, inputs=32),
        steps=4,
        members=2,
        snapshots=2,
    )
    restoration = prior.fit(img, reference=colour)
    assert restoration.image.shape == (20, 18, 3)
    assert restoration.uncertainty.shape == (20, 18, 3)
    assert restoration.at(min(restoration.snapshots)).image.shape == (20, 18, 3)
    restoration.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "RGB"
    restoration.export(tmp_path / "a.onnx")
    again = regenerate(tmp_path / "a.onnx")
    np.testing.assert_allclose(again, restoration.image, atol=1e-4)


def test_the_pattern_is_a_choice_and_can_be_recorded():
    (option,) = DECLARATION.options
    assert option.choices == PATTERNS
    assert json.dumps(Demosaic("gbrg").settings()) == '{"pattern": "GBRG"}'
    with pytest.raises(ValueError, match="Received: 'XTRANS'"):
        Demosaic("XTRANS")
