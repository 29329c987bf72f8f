"""Displays hear of every report, and of the calls between when they ask."""

import io
from typing import ClassVar

import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, Denoise, Inpaint, fitting, progress
from keras_dip.fitting import PriorModel, forward_macs
from keras_dip.history import HistoryRecorder
from keras_dip.models.fused import Adam
from keras_dip.progress import (
    CallClock,
    Furthest,
    PlainDisplay,
    PreviewCallback,
    ProgressCallback,
)
from keras_dip.tiles import Window

SIZE = (12, 10)


class Notes:
    """A display that remembers what it was told."""

    def __init__(self):
        self.told = []

    def start(self, total_steps, member, members, what):
        self.told.append(("start", total_steps, member, members))

    def update(self, step, logs):
        self.told.append((step, dict(logs)))

    def stop(self):
        self.told.append(("stop",))


@pytest.fixture
def model(tiny_network, scene):
    network, picture = tiny_network(*SIZE), scene(*SIZE, 3)[np.newaxis]
    z = np.random.default_rng(4).uniform(0, 0.1, (1, *SIZE, 2))

    def loss(x, observed):
        return ((x - observed["picture"]) ** 2)[0, 0, 0, 0]

    model = PriorModel(network, loss, z, {"picture": picture})
    optimizer = Adam(0.01)
    optimizer.build(network.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=False)
    return model


def recorder(model, reference):
    return HistoryRecorder(lambda: model.averaged_output[0], reference)


def test_every_report_reaches_the_display(model, scene):
    notes, history = Notes(), recorder(model, scene(*SIZE, 3))
    model.take_steps(12, [history, ProgressCallback(notes)], interval=5)
    first, *reports, last = notes.told
    assert (first, last) == (("start", 12, 1, 1), ("stop",))
    assert [step for step, _ in reports] == [5, 10, 12]
    for step, logs in reports:
        assert set(logs) == {"step", "loss", "seconds", "psnr", "ssim"}
        assert logs["step"] == step
    curves = history.history
    for name in ("loss", "psnr", "ssim", "seconds"):
        assert [logs[name] for _, logs in reports] == curves[name].tolist()


@pytest.mark.tensorflow
def test_calls_between_two_reports_reach_it_on_request(model, scene, monkeypatch):
    macs = forward_macs(model.network)
    monkeypatch.setattr(fitting, "MACS_PER_CALL", {"cpu": 2.5 * macs, "gpu": 1e12})
    notes, history = Notes(), recorder(model, scene(*SIZE, 3))
    progress = ProgressCallback(notes, every_call=True)
    model.take_steps(8, [history, progress], interval=4)
    steps = [step for step, *_ in notes.told[1:-1]]
    assert sorted(set(steps)) == [2, 4, 6, 8]
    news = dict(entry for entry in notes.told[1:-1])
    assert all(np.isfinite(logs["loss"]) for logs in news.values())
    assert all(logs["seconds"] > 0 for logs in news.values())
    # Between two reports the PSNR is the last one that was measured.
    assert "psnr" not in news[2]
    assert news[6]["psnr"] == news[4]["psnr"]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [([], 0), ([7], 7), ([7, 3, 3, 3], 4), ([2, 3], 0), ([9, 6, 6, 6, 1, 5, 0], 3)],
)
def test_the_first_call_compiles_and_the_others_do_not(monkeypatch, calls, expected):
    now = [10.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    clock = CallClock()
    for batch, seconds in enumerate(calls):
        clock.on_train_batch_begin(batch)
        now[0] += seconds
        clock.on_train_batch_end(batch)
        now[0] += 1  # callbacks
    assert clock.compile_seconds == pytest.approx(expected)
    clock.is_known = True
    assert clock.compile_seconds == 0


def test_a_restoration_knows_what_compiling_took(tiny_network, scene):
    prior = DeepImagePrior(
        Denoise(0.1), network=tiny_network(*SIZE), latent="noise", steps=1, members=2
    )
    found = prior.fit(scene(*SIZE, 3))
    assert 0 < found.compile_seconds < found.seconds
    # The second member had nothing to compile, nor has a second picture.
    assert prior.fit(scene(*SIZE, 3, seed=2)).compile_seconds == 0


def test_plain_lines():
    stream = io.StringIO()
    display = PlainDisplay(stream)
    display.start(300)
    display.update(50, {"loss": 0.0123456, "seconds": 1.23})
    display.update(100, {"loss": 0.001, "seconds": 2.0, "psnr": 27.184})
    display.stop()
    assert stream.getvalue().splitlines() == [
        "step 50/300  loss 0.012346  1.2 s",
        "step 100/300  loss 0.001000  psnr 27.18 dB  2.0 s",
    ]


def test_displays_are_told_which_member_it_is(tiny_network, scene):
    notes = Notes()
    DeepImagePrior(
        Denoise(0.1),
        network=tiny_network(*SIZE),
        latent="noise",
        steps=1,
        members=2,
        callbacks=[ProgressCallback(notes)],
    ).fit(scene(*SIZE, 3))
    starts = [entry for entry in notes.told if entry[0] == "start"]
    assert starts == [("start", 1, 1, 2), ("start", 1, 2, 2)]


def test_plain_lines_name_the_member_of_several():
    stream = io.StringIO()
    display = PlainDisplay(stream)
    display.start(3, 2, 4)
    display.update(3, {"loss": 0.5, "seconds": 1.0})
    assert stream.getvalue().startswith("member 2/4  step 3/3 ")


@pytest.mark.tensorflow
def test_a_preview_is_the_picture_that_the_fit_has_come_to(model, scene):
    class Last(keras.callbacks.Callback):
        pictures: ClassVar = {}

        def on_train_batch_end(self, batch, logs=None):
            self.pictures[self.model.step] = self.model.averaged_output[0]

    shown = []
    preview = PreviewCallback(lambda *news: shown.append(news), seconds=0)
    model.take_steps(12, [Last(), preview], interval=5)
    assert [step for step, _ in shown] == sorted({step for step, _ in shown})
    assert shown[-1][0] == 12
    for step, picture in shown:
        np.testing.assert_array_equal(picture, Last.pictures[step])


def test_a_tile_is_shown_in_the_whole_if_that_is_given(model):
    shown, background = [], np.zeros((SIZE[0] + 2, SIZE[1] + 3, 3), "float32")
    model.tile = Window(2, 3, *SIZE)
    for whole in (None, background.copy):
        preview = PreviewCallback(lambda _, x: shown.append(x), seconds=0, whole=whole)
        model.take_steps(1, [preview])
    tile, together = shown[0], shown[-1]
    assert tile.shape == (*SIZE, 3) and together.shape == background.shape
    assert together[2:, 3:].any()
    assert not together[:2].any() and not together[:, :3].any()


def test_previews_leave_the_fit_its_time(model):
    shown = []
    preview = PreviewCallback(lambda *news: shown.append(news), seconds=3600)
    model.take_steps(12, [preview], interval=5)
    assert len(shown) == 1


def test_what_fell_apart_is_not_shown(model):
    shown = []
    model.current_picture = lambda: np.full((*SIZE, 3), np.nan)
    preview = PreviewCallback(lambda *news: shown.append(news), seconds=0)
    model.take_steps(3, [preview])
    assert shown == []


def test_a_preview_is_finished_by_the_task(tiny_network, scene):
    # Known pixels are pasted in, as in the result.
    picture, known = scene(*SIZE, 3), np.ones(SIZE, bool)
    known[4:6] = False
    shown = []
    preview = PreviewCallback(lambda _, seen: shown.append(seen), seconds=0)
    DeepImagePrior(
        Inpaint(known, keep_known=True),
        preset="paper-random",
        network=tiny_network(*SIZE),
        steps=3,
        callbacks=[preview],
    ).fit(picture)
    np.testing.assert_array_equal(shown[-1][known], picture[known])


def test_several_that_go_on_together_are_shown_as_the_furthest():
    notes = Notes()
    display = Furthest(notes, 2)
    display.start(100, 1, 1, "member")
    display.start(100, 1, 1, "member")
    for step in (25, 25, 50):
        display.update(step, {})
    display.stop()
    display.update(25, {})  # it went back
    display.update(75, {})
    assert notes.told == [("start", 100, 1, 1), (25, {}), (25, {}), (50, {}), (75, {})]
    display.stop()
    assert notes.told[-1] == ("stop",)
