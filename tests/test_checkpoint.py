"""Fits that are cut off and continued end as if nothing had happened."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_dip import (
    DeepImagePrior,
    Denoise,
    Inpaint,
    SuperResolve,
    checkpoint,
    fitting,
)
from keras_dip.checkpoint import Checkpoint
from keras_dip.errors import ImageError, KerasDipError
from keras_dip.stopping import TimeLimit

TASKS = {
    "fission": lambda: Denoise(0.1),
    "discrepancy": lambda: Denoise(0.001),
    "wmv": lambda: Denoise(noise="unknown"),
    "emv": lambda: Denoise(noise="unknown"),
    "heldout": lambda: Inpaint(np.random.default_rng(0).uniform(size=(12, 10)) > 0.3),
    "plateau": lambda: SuperResolve(2),
}


pytestmark = pytest.mark.usefixtures("traced_once")


class CutOff(keras.callbacks.Callback):
    """Raises at a report, counted over all members."""

    def __init__(self, report):
        super().__init__()
        self.left = report

    def on_epoch_end(self, epoch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("cut off")


class Count(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.reports = 0

    def on_epoch_end(self, epoch, logs=None):
        self.reports += 1


@pytest.fixture(scope="module")
def network(tiny_network):
    return tiny_network(12, 10, inputs=8)


@pytest.fixture
def fit(network, scene):
    def run(
        stop="fission",
        checkpoint=None,
        callbacks=(),
        members=1,
        noise=0.1,
        reference=None,
        latent=None,
        time_limit=None,
        task=None,
    ):
        task = TASKS[task or stop]()
        size = (6, 5) if stop == "plateau" else (12, 10)
        prior = DeepImagePrior(
            task,
            network=network,
            steps=140,
            stop=stop,
            members=members,
            snapshots=3,
            callbacks=callbacks,
            latent=latent,
            time_limit=time_limit,
        )
        picture = scene(*size, 3, noise=noise)
        return prior.fit(picture, reference=reference, checkpoint=checkpoint)

    return run


def assert_same(one, other):
    np.testing.assert_array_equal(one.image, other.image)
    assert one.steps == other.steps and one.best_step == other.best_step
    assert one.stop_reason == other.stop_reason
    assert one.snapshots.keys() == other.snapshots.keys()
    for name in one.history.keys() - {"seconds"}:
        np.testing.assert_array_equal(one.history[name], other.history[name])


@pytest.mark.parametrize("stop", TASKS)
def test_a_continued_fit_ends_with_the_same_picture(fit, tmp_path, stop):
    whole = fit(stop)
    with pytest.raises(RuntimeError, match="cut off"):
        fit(stop, Checkpoint(tmp_path, interval=0), [CutOff(3)])
    assert [file.name for file in tmp_path.iterdir()] == ["member-0.npz"]
    count = Count()
    continued = fit(stop, tmp_path, [count])
    assert_same(whole, continued)
    assert count.reports == len(whole.history["step"]) - 3
    assert (np.diff(continued.history["seconds"]) > 0).all()
    assert list(tmp_path.iterdir()) == []


def test_a_member_that_came_to_its_end_is_not_fitted_again(fit, tmp_path):
    whole = fit(members=2)
    first = int((whole.history["member"] == 0).sum())
    with pytest.raises(RuntimeError, match="cut off"):
        fit(
            members=2, checkpoint=Checkpoint(tmp_path, 0), callbacks=[CutOff(first + 2)]
        )
    count = Count()
    continued = fit(members=2, checkpoint=tmp_path, callbacks=[count])
    assert_same(whole, continued)
    np.testing.assert_array_equal(whole.uncertainty, continued.uncertainty)
    assert count.reports == len(whole.history["step"]) - first - 2


SCRIPT = """
import os, signal, sys
import keras, numpy as np
from keras_dip import DeepImagePrior, Denoise
from keras_dip.checkpoint import Checkpoint

class Die(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)

def fit(folder, callbacks=()):
    prior = DeepImagePrior(Denoise(0.1), steps=100, callbacks=callbacks)
    options = {"down_channels": (8,), "up_channels": (8,), "skip_channels": (4,)}
    object.__setattr__(prior.settings, "network_options", options)
    checkpoint = Checkpoint(folder, interval=0) if folder else None
    return prior.fit(img, checkpoint=checkpoint).image

img = np.random.default_rng(0).uniform(size=(32, 32, 3)).astype("float32")
folder, out = sys.argv[1:]
if out:
    np.savez(out, continued=fit(folder), whole=fit(None))
else:
    fit(folder, [Die()])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_process_is_continued_by_another(tmp_path):
    folder, out = tmp_path / "folder", tmp_path / "out.npz"

    def run(out):
        command = [sys.executable, "-c", SCRIPT, str(folder), str(out)]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, capture_output=True, env=environment)
        return done.returncode, done.stderr

    assert run("")[0] == -signal.SIGKILL
    assert (folder / "member-0.npz").exists()
    code, told = run(out)
    assert code == 0, told
    with np.load(out) as pictures:
        np.testing.assert_array_equal(pictures["whole"], pictures["continued"])


def test_who_made_the_checkpoint_removes_it(fit, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    whole = fit(checkpoint=checkpoint)
    count = Count()
    assert_same(whole, fit(checkpoint=checkpoint, callbacks=[count]))
    assert count.reports == 0
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_of_another_fit_is_refused_and_kept(fit, tmp_path):
    with pytest.raises(RuntimeError):
        fit(checkpoint=Checkpoint(tmp_path, interval=0), callbacks=[CutOff(1)])
    before = (tmp_path / "member-0.npz").read_bytes()
    with pytest.raises(KerasDipError, match=r"Received: .*which is of another rest"):
        fit(checkpoint=tmp_path, noise=0.2)
    with pytest.raises(KerasDipError, match=r"Received: .*which is of another rest"):
        fit("wmv", checkpoint=tmp_path)
    assert (tmp_path / "member-0.npz").read_bytes() == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"pickle"])
def test_a_damaged_file_is_named(fit, tmp_path, damage):
    with pytest.raises(RuntimeError):
        fit(checkpoint=Checkpoint(tmp_path, interval=0), callbacks=[CutOff(1)])
    file = tmp_path / "member-0.npz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(KerasDipError, match=r"Expected a checkpoint. Received: .*npz"):
        fit(checkpoint=tmp_path)


def test_a_folder_that_cannot_be_made_is_told_before_the_fit(fit, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KerasDipError, match="Expected a folder for checkpoints"):
        fit(checkpoint=tmp_path / "file" / "folder")


def at_report(number, error):
    """Raise at a report, as Ctrl-C or a broken callback would."""

    class Raise(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == number:
                raise error

    return Raise()


def test_ctrl_c_keeps_the_last_report_however_short_the_run(fit, tmp_path):
    whole = fit()
    fit(checkpoint=tmp_path, callbacks=[at_report(3, KeyboardInterrupt())])
    count = Count()
    continued = fit(checkpoint=tmp_path, callbacks=[count])
    assert count.reports == len(whole.history["step"]) - 3
    np.testing.assert_array_equal(whole.image, continued.image)


def test_a_time_limit_in_the_middle_of_a_report(fit, tmp_path, monkeypatch):
    whole = fit()
    # One step a call, and a clock that stops at step 31.
    monkeypatch.setattr(fitting, "MACS_PER_CALL", {"cpu": 1, "gpu": 1})

    def late(self, batch, logs=None):
        if self.model.step == 31:
            self.reason, self.model.stop_training = "late", True

    monkeypatch.setattr(TimeLimit, "on_train_batch_end", late)
    cut = fit(checkpoint=Checkpoint(tmp_path, interval=0), time_limit=1000)
    assert (cut.stopped_by, cut.steps) == ("time limit", 31)
    monkeypatch.undo()
    np.testing.assert_array_equal(fit(checkpoint=tmp_path).image, whole.image)


def test_a_fit_that_was_saved_at_its_stop_does_not_go_on(fit, tmp_path):
    whole = fit("discrepancy", task="fission")
    last = len(whole.history["step"])
    assert whole.stopped_by == "discrepancy"
    with pytest.raises(RuntimeError, match="cut off"):
        fit("discrepancy", Checkpoint(tmp_path, 0), [CutOff(last)], task="fission")
    count = Count()
    continued = fit("discrepancy", tmp_path, [count], task="fission")
    assert count.reports == 0
    np.testing.assert_array_equal(continued.image, whole.image)
    assert continued.stop_reason == whole.stop_reason


def test_what_cannot_be_kept_costs_a_warning(fit, tmp_path, monkeypatch):
    def full(*_):
        raise ImageError("Expected a writable output. Received: a full disk.")

    monkeypatch.setattr(checkpoint, "atomic_write", full)
    with pytest.warns(UserWarning, match="checkpoint was not kept.*full disk"):
        restoration = fit(checkpoint=tmp_path)
    np.testing.assert_array_equal(restoration.image, fit().image)


def test_a_member_that_was_cut_is_not_finished(fit, monkeypatch):
    def late(self, batch, logs=None):
        if self.model.place[0] == 1 and self.model.step >= 50:
            self.reason, self.model.stop_training = "late", True

    monkeypatch.setattr(TimeLimit, "on_train_batch_end", late)
    restoration = fit(members=2, time_limit=1000)
    assert restoration.stopped_by == "time limit"


def test_the_reference_and_the_start_belong_to_a_checkpoint(fit, tmp_path, scene):
    fit(checkpoint=tmp_path, callbacks=[at_report(3, KeyboardInterrupt())])
    with pytest.raises(KerasDipError, match="of another restoration"):
        fit(checkpoint=tmp_path, reference=scene(12, 10, 3))
    with pytest.raises(KerasDipError, match="of another restoration"):
        fit(checkpoint=tmp_path, latent=scene(12, 10, 3))
