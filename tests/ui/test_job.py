"""A fit behind the page: watched, stopped, refused, and the same as any other."""

import dataclasses
import threading

import numpy as np
import pytest
from PIL import Image

from keras_dip import DeepImagePrior, Denoise, images, tasks
from keras_dip.cli.messages import Messages
from keras_dip.cli.ui import job as jobs
from keras_dip.cli.ui.job import Job
from keras_dip.cli.ui.wish import Wish, shown_picture
from keras_dip.errors import KerasDipError
from keras_dip.onnx_io.regenerate import regenerate

SIZE = (32, 48)


@pytest.fixture
def source(tmp_path, scene):
    path = tmp_path / "noisy.png"
    pixels = np.rint(scene(*SIZE, 3, noise=0.1) * 255).astype("uint8")
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def job(source, tmp_path):
    """Make the job of a wish; `stop` ends it."""

    def make(task="denoise", *, most_pixels=10**6, stop=None, **wish):
        wish = {"answers": {}, "preset": "fast", "seed": 0, **wish}
        wish = Wish(tasks.declaration(task), str(source), **wish)
        return Job(
            wish.request(tmp_path),
            most_pixels=most_pixels,
            stop=stop or threading.Event(),
            messages=Messages(quiet=True),
        )

    return make


def test_a_fit_that_is_watched_comes_to_the_same_picture(job, source, monkeypatch):
    monkeypatch.setattr(jobs, "PREVIEW_SECONDS", 0.0)
    watched = job(steps="50", answers={"sigma": "25.5"})
    states = list(watched.states())
    end = states[-1]
    assert end.phase == "done" and end.notes == ()
    previews = {id(s.picture) for s in states if s.phase == "fitting"} - {id(None)}
    assert len(previews) >= 1
    assert [step for step, _, _ in end.curves] == [25, 50]
    assert end.total == 50

    alone = DeepImagePrior(Denoise(sigma=0.1), steps=50).fit(Image.open(source))
    np.testing.assert_array_equal(end.restoration.image, alone.image)
    assert end.files["picture"].name == "noisy-restored.png"
    written, _ = images.read(end.files["picture"])
    assert np.abs(written - alone.image).max() <= 0.5 / 255 + 1e-6
    again = regenerate(end.files["onnx"])
    assert np.abs(again - alone.image).max() <= 1 / 255


def test_stop_keeps_the_best_picture_so_far(job):
    stop = threading.Event()
    states = []
    for state in job(steps="100000", stop=stop, answers={"sigma": "25.5"}).states():
        states.append(state)
        if state.curves:
            stop.set()
    end = states[-1]
    assert end.phase == "done"
    assert end.restoration.stopped_by == "interrupt"
    assert 25 <= end.restoration.steps < 100000
    assert set(end.files) >= {"picture", "onnx"}


def test_stop_before_the_first_step_leaves_no_picture(job):
    stop = threading.Event()
    stop.set()
    end = list(job(stop=stop).states())[-1]
    assert (end.phase, end.error) == ("failed", jobs.STOPPED_EARLY)


def test_who_stops_listening_stops_the_fit(job):
    stop = threading.Event()
    states = job(stop=stop, most_pixels=1).states()
    next(states)
    states.close()
    assert stop.is_set()


def test_who_stops_while_another_fits_is_told_at_once(job):
    stop, states = threading.Event(), []
    with jobs.TURNS.turn(threading.Event(), print):
        for state in job(stop=stop).states():
            states.append(state)
            if state.phase == "waiting":
                stop.set()
    assert states[-2].before == 1
    assert (states[-1].phase, states[-1].error) == ("failed", jobs.STOPPED_EARLY)


def test_of_members_the_mean_is_shown_which_never_falls_back(job):
    watched = job()
    watch = jobs._Watch(watched)
    shown = []
    for number, value in ((1, 0.8), (2, 0.4), (3, 0.0)):
        watch.start(100, number, 3)
        for step in (25, 100):
            watch.show(step, np.full((2, 2), value))
            shown.append(float(watched.state.picture.mean()))
    # 0.8, then with 0.4 of a weight of 1/4 and of 1, then with 0 alike.
    expected = [0.8, 0.8, 0.9 / 1.25, 0.6, 1.2 / 2.25, 0.4]
    np.testing.assert_allclose(shown, expected)
    watch.start(100, 2, 6, "tile")
    watch.show(25, np.ones((2, 2)))
    assert (watched.state.picture == 1).all()


def test_tiles_are_shown_in_the_whole_picture(job, source, monkeypatch):
    monkeypatch.setattr(jobs, "PREVIEW_SECONDS", 0.0)
    Image.new("RGB", (160, 20), (255, 0, 0)).save(source)
    asked = jobs.arguments_of
    monkeypatch.setattr(
        jobs,
        "arguments_of",
        lambda request: asked(request) | {"tile": 128, "network": "deep_decoder"},
    )
    shown = {}
    show = jobs._Watch.show

    def noted(watch, step, picture):
        shown.setdefault(watch.job.state.place, picture)
        show(watch, step, picture)

    monkeypatch.setattr(jobs._Watch, "show", noted)
    end = list(job("reconstruct", steps="2").states())[-1]
    first, last = shown["tile 1 of 2"], shown["tile 2 of 2"]
    assert first.shape == last.shape == end.restoration.image.shape
    as_it_came = np.array([1, 0, 0], "float32")
    assert (first[:, 128:] == as_it_came).all() and (first[:, :96] != as_it_came).any()
    assert (last[:, -32:] != as_it_came).any()


@pytest.mark.parametrize(
    ("task", "answers", "shape", "expected"),
    [
        ("denoise", {}, (6, 8), (6, 8, 1)),
        ("denoise", {}, (6, 8, 5), (6, 8, 5)),
        ("super_resolve", {"factor": "2"}, (6, 8, 3), (12, 16, 3)),
        ("demosaic", {}, (6, 8), (6, 8, 3)),
        ("inpaint", {}, (6, 8, 2), (6, 8, 1)),
        ("inpaint", {}, (6, 8, 4), (6, 8, 3)),
    ],
)
def test_what_came_in_is_what_tiles_are_put_into(task, answers, shape, expected):
    made = tasks.get(task)(**{name: int(value) for name, value in answers.items()})
    white = np.full(shape, 255, "uint8")
    begun = jobs.as_begun(jobs.Ready(made, white, None, None, None))
    assert begun.shape == expected and begun.dtype == np.float32
    assert (begun == (0.5 if shape == (6, 8, 5) else 1)).all()


def test_an_error_is_one_line(job):
    end = list(job("super_resolve", answers={"factor": "-3"}).states())[-1]
    assert end.phase == "failed"
    assert "factor" in end.error and "\n" not in end.error


def test_a_picture_that_is_too_large_is_refused(job):
    end = list(job(most_pixels=1535).states())[-1]
    words = "a picture of at most 1535 pixels on this page. Received: 48x32."
    assert words in end.error


def test_a_restored_picture_that_is_too_large_is_refused(job):
    twice = job("super_resolve", answers={"factor": "2"}, most_pixels=6143)
    end = list(twice.states())[-1]
    words = "a restored picture of at most 6143 pixels on this page. Received: 96x64."
    assert words in end.error


def test_what_is_shown_is_refused_when_it_is_too_large(source):
    assert shown_picture(str(source), 32 * 48).shape == (32, 48, 3)
    with pytest.raises(KerasDipError, match="at most 1535 pixels"):
        shown_picture(str(source), 32 * 48 - 1)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("a.jpg", "a-restored.png"),
        ("a.TIF", "a-restored.tif"),
        ("a.npy", "a-restored.npy"),
    ],
)
def test_the_result_has_a_format_that_keeps_it(name, output, tmp_path):
    wish = Wish(tasks.declaration("denoise"), str(tmp_path / name), {}, "fast")
    request = wish.request(tmp_path)
    assert request.output.endswith(output)
    assert request.settings["steps"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": None}, "Expected a picture. Received: none"),
        ({"steps": "0"}, "Steps: 0 is not in the range x>=1"),
        ({"steps": "many"}, "Steps: 'many' is not a valid"),
        ({"seed": -1}, "Seed: -1 is not in the range x>=0"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(changes, message, tmp_path):
    wish = Wish(tasks.declaration("denoise"), "in.png", {}, "fast")
    with pytest.raises(KerasDipError, match=message):
        dataclasses.replace(wish, **changes).request(tmp_path)
