"""Loss against step for a natural picture and for noise."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_dip import experiments
from keras_dip.experiments import Outcome, learning_curves

NAMES = ["natural picture", "picture + noise", "pixels shuffled", "white noise"]


@pytest.fixture
def outcome(setup, tiny_network, monkeypatch):
    def tiny(setup):
        return tiny_network(*setup.picture.shape)

    monkeypatch.setattr(learning_curves, "skip_network", tiny)
    return learning_curves.run(setup(steps=28))


def test_four_pictures_are_fitted_and_every_report_is_a_row(outcome):
    assert [fit.name for fit in outcome.fits] == NAMES == list(outcome.pictures)
    assert [row["picture"] for row in outcome.rows] == [n for n in NAMES for _ in "ab"]
    assert [row["step"] for row in outcome.rows] == [25, 28] * 4
    for fit in outcome.fits:
        rows = [row for row in outcome.rows if row["picture"] == fit.name]
        assert [row["loss"] for row in rows] == fit.history["loss"].tolist()
        variance = outcome.pictures[fit.name].var(axis=(0, 1)).mean()
        assert rows[0]["loss_share"] == pytest.approx(rows[0]["loss"] / variance)
        assert fit.settings["jitter"] == pytest.approx(1 / 30)
        assert fit.settings["stop"] == "none"
    assert not outcome.interrupted


def test_targets_are_what_their_names_say(setup):
    small = setup()
    natural, noisy, shuffled, noise = learning_curves.targets(small).values()
    assert natural is small.picture
    assert 0 < np.abs(noisy - natural).mean() < 0.15
    np.testing.assert_array_equal(np.sort(shuffled, None), np.sort(natural, None))
    assert noise.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("reports", [1, 3, 40])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_plot_is_a_picture(setup, made_up, reports, channels):
    small = setup(channels)
    wanted = learning_curves.targets(small)
    fits = [made_up(name, wanted[name], reports) for name in wanted]
    (data,) = experiments.draw("learning-curves", Outcome(fits, [{}], wanted)).values()
    image = Image.open(io.BytesIO(data))
    assert image.format == "PNG" and image.size == (1440, 630)
    # Each curve is there, in its colour.
    pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    for colour in [(0, 114, 178), (213, 94, 0), (0, 158, 115), (170, 68, 153)]:
        assert (pixels == colour).all(axis=1).sum() > 100


def test_ctrl_c_leaves_the_curves_that_there_are(setup, fitted, monkeypatch):
    monkeypatch.setattr(learning_curves, "skip_network", lambda setup: "a network")
    fitted.ends[2] = ("interrupt", 1)
    outcome = learning_curves.run(setup())
    assert outcome.interrupted
    assert [row["step"] for row in outcome.rows] == [25, 50, 25]
    assert list(experiments.draw("learning-curves", outcome)) == ["learning-curves.png"]
