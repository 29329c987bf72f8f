"""The same data term over pixels, over pixels with TV, and over weights."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_dip import experiments
from keras_dip.experiments import spaces
from keras_dip.metrics import psnr


@pytest.fixture
def outcome(setup, fitted, monkeypatch):
    monkeypatch.setattr(spaces, "skip_network", lambda setup: "the network")
    return spaces.run(setup(steps=50))


def test_the_spaces_differ_in_nothing_but_network_and_regularizer(outcome, fitted):
    first, *tv, last = fitted.made
    assert first.arguments["network"] == "pixels"
    assert "regularizer" not in first.arguments and "regularizer" not in last.arguments
    assert [made.arguments["regularizer"].weight for made in tv] == list(
        spaces.TV_WEIGHTS
    )
    assert {made.arguments["network"] for made in tv} == {"pixels"}
    assert last.arguments["network"] == "the network"
    for made in fitted.made:
        np.testing.assert_array_equal(made.picture, outcome.pictures["given"])
        np.testing.assert_array_equal(made.task.mask, first.task.mask)
        assert made.reference is outcome.pictures["clean"]
        same = {"steps": 50, "seed": 0, "stop": "none", "preset": "study"}
        assert same.items() <= made.arguments.items()


def test_about_half_of_the_pixels_are_missing(outcome, fitted):
    known = fitted.made[0].task.mask[..., 0]
    assert known.mean() == pytest.approx(0.5, abs=0.05)
    given, clean = outcome.pictures["given"], outcome.pictures["clean"]
    np.testing.assert_array_equal(given[known], clean[known])
    assert (given[~known] == 0).all()


def test_every_fit_is_a_row_and_the_best_tv_is_shown(outcome):
    names = [row["space"] for row in outcome.rows]
    assert names[0] == "pixels" and names[-1] == "weights of a network"
    assert names[1:-1] == [f"pixels + TV ({w:g})" for w in spaces.TV_WEIGHTS]
    for row, fit in zip(outcome.rows, outcome.fits, strict=True):
        assert row["psnr"] == psnr(fit.image, outcome.pictures["clean"])
        assert row["steps"] == 50 and row["numbers_fitted"] == 6
    # The fake is the better the later it is asked.
    assert [fit.name for fit in spaces.shown(outcome)] == [names[0], *names[-2:]]


def test_the_pictures_stand_side_by_side(outcome):
    (data,) = experiments.draw("spaces", outcome).values()
    image = Image.open(io.BytesIO(data))
    # given, three spaces, clean
    assert image.size == (5 * 285, 360)


def test_settings_are_the_published_ones_but_for_the_learning_rate():
    from keras_dip.settings import resolve

    task = spaces.MissingPixels(np.ones((4, 4), bool))
    settings = resolve(task, "study")
    assert (settings.latent, settings.latent_channels) == ("noise", 32)
    assert (settings.learning_rate, settings.hiding) == (0.01, 0)
