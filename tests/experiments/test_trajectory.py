"""The iterates of one fit: plot, film strip and animation."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from keras_dip import experiments
from keras_dip.experiments import Outcome, trajectory
from keras_dip.metrics import psnr


@pytest.fixture
def outcome(setup, tiny_network, monkeypatch):
    def tiny(setup):
        return tiny_network(*setup.picture.shape)

    monkeypatch.setattr(trajectory, "skip_network", tiny)
    return trajectory.run(setup(steps=53))


def test_every_report_has_a_picture_and_both_distances(outcome):
    (fit,) = outcome.fits
    frames = fit.extra["frames"]
    steps = fit.history["step"].tolist()
    assert steps == [25, 50, 53] == list(frames) == [r["step"] for r in outcome.rows]
    assert fit.settings["jitter"] == 0
    for row in outcome.rows:
        frame = frames[row["step"]].astype("float32") / 255
        assert frame.shape == (32, 32, 3)
        for name in ("clean", "noisy"):
            expected = psnr(frame, outcome.pictures[name])
            assert row[f"psnr_{name}"] == pytest.approx(expected, abs=0.05)
        assert row["loss"] > 0
    # Without jitter the last loss belongs to the output that was kept.
    last = outcome.rows[-1]
    assert 10 ** (-last["psnr_noisy"] / 10) == pytest.approx(last["loss"], rel=1e-3)


@pytest.mark.parametrize(("reports", "channels"), [(1, 3), (4, 1), (60, 3)])
def test_pictures_and_the_frames_of_the_animation(setup, made_up, reports, channels):
    clean = setup(channels).picture
    fit = made_up("noisy picture", clean, reports)
    steps = fit.history["step"].tolist()
    frames = {
        step: np.full((32, 32, channels), 10 + 3 * i, "uint8")
        for i, step in enumerate(steps)
    }
    fit.extra.update(frames=frames, psnr_noisy=np.linspace(15, 25, reports))
    shown = {"clean": clean, "noisy": clean * np.float32(0.9)}

    files = experiments.draw("trajectory", Outcome([fit], [{}], shown))

    images = [Image.open(io.BytesIO(data)) for data in files.values()]
    assert tuple(files) == experiments.study("trajectory").pictures
    assert [image.format for image in images] == ["PNG", "PNG", "GIF"]
    assert images[0].size == (1080, 630)
    cells = 2 + len(trajectory.chosen(steps, trajectory.IN_STRIP))
    rows = 1 if cells <= 5 else 2
    assert images[1].size == (-(-cells // rows) * 285, rows * 360)
    expected = trajectory.chosen(steps, trajectory.IN_FILM)
    film = [frame.convert("RGB") for frame in ImageSequence.Iterator(images[2])]
    assert len(film) == len(expected) == images[2].n_frames
    for frame, step in zip(film, expected, strict=True):
        assert frame.size == (256, 256 + 24)
        assert frame.getpixel((128, 128))[0] == pytest.approx(
            int(frames[step][0, 0, 0]), abs=3
        )
        assert frame.crop((0, 256, 256, 280)).getextrema()[0] == (0, 255)  # words


@given(st.integers(1, 300), st.integers(1, 50))
def test_chosen_steps_are_some_of_those_there_are_with_both_ends(reports, count):
    steps = [25 * (i + 1) for i in range(reports)]
    some = trajectory.chosen(steps, count)
    assert some == sorted(set(some)) and set(some) <= set(steps)
    assert len(some) <= count and some[0] == steps[0]
    if count > 1:
        assert some[-1] == steps[-1]
