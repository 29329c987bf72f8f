"""Ctrl-C in the fit and after it: the picture comes, the handler is put back."""

import signal
import threading

import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, Denoise, member
from keras_dip.fitting import PriorModel
from keras_dip.interrupts import held_back
from keras_dip.recovery import Recovery

SIZE = (12, 10)

ROUNDING = 0 if keras.config.backend() == "tensorflow" else 1e-6
"""JAX computes the finished picture as one function, whose sums have another order."""


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def restore(tiny_network, scene):
    def run(**options):
        options = {"preset": "paper", "steps": 30, **options}
        prior = DeepImagePrior(Denoise(), network=tiny_network(*SIZE), **options)
        restoration = prior.fit(scene(*SIZE, 3, noise=0.1))
        assert prior.restoration is restoration
        return restoration

    return run


def is_whole(restoration):
    again = restoration.source.network(restoration.z, training=False)
    image = np.clip(restoration.source.finish(again)[0], 0, 1)
    np.testing.assert_allclose(image, restoration.image, rtol=0, atol=ROUNDING)
    assert restoration.history["step"][-1] == restoration.best_step
    return bool(np.isfinite(restoration.image).all())


def test_ctrl_c_is_noted_and_the_handler_put_back(handler):
    with held_back() as interrupts:
        assert not interrupts.came
        press_ctrl_c()
        assert interrupts.came
        press_ctrl_c()
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_the_handler_is_put_back_after_an_error(handler):
    with pytest.raises(OSError, match="disk full"), held_back():
        raise OSError("disk full")
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_handler_of_somebody_else_is_put_back():
    heard = []

    def own(*_):
        heard.append(True)

    signal.signal(signal.SIGINT, own)
    with held_back() as interrupts:
        press_ctrl_c()
    assert interrupts.came
    assert heard == []
    assert signal.getsignal(signal.SIGINT) is own


def test_an_ignored_ctrl_c_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back() as interrupts:
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        press_ctrl_c()
    assert not interrupts.came


def test_in_another_thread_nothing_is_done(handler):
    seen = []

    def work():
        with held_back() as interrupts:
            seen.append((interrupts.came, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, handler)]


def test_ctrl_c_during_the_fit(restore, handler):
    class Press(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                press_ctrl_c()

    restoration = restore(steps=1000, callbacks=[Press()])
    assert restoration.stopped_by == "interrupt"
    assert restoration.stop_reason == "The fit was interrupted at step 50 of 1000."
    assert is_whole(restoration)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("preset", ["paper", "fast"])
def test_ctrl_c_while_the_network_is_being_finished(
    restore, handler, monkeypatch, preset
):
    write = PriorModel.write_statistics

    def write_interrupted(*arguments):
        press_ctrl_c()
        write(*arguments)

    monkeypatch.setattr(PriorModel, "write_statistics", write_interrupted)
    restoration = restore(preset=preset, latent="noise")
    assert restoration.stopped_by == "interrupt"
    assert restoration.stop_reason == "Interrupted while finishing."
    assert (restoration.steps, restoration.best_step) == (30, 30)
    assert is_whole(restoration)
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_cuts_the_consolidation_short(restore, handler, monkeypatch):
    consolidate, ended = member.consolidate, []

    def consolidate_interrupted(network, z, picture, steps, interrupts):
        press_ctrl_c()
        assert interrupts.came
        consolidate(network, z, picture, steps, interrupts)
        ended.append(network.get_weights())

    whole = restore()
    monkeypatch.setattr(member, "consolidate", consolidate_interrupted)
    restoration = restore()
    assert restoration.stopped_by == "interrupt"
    assert len(ended) == 1
    assert is_whole(restoration)
    assert signal.getsignal(signal.SIGINT) is handler
    # The same fit, but another way to its average.
    np.testing.assert_array_equal(restoration.history["loss"], whole.history["loss"])
    assert np.abs(restoration.image - whole.image).max() > 1e-4


def test_after_ctrl_c_in_the_fit_the_consolidation_is_a_short_one(restore, monkeypatch):
    steps = []
    monkeypatch.setattr(member, "consolidate", lambda *all_: steps.append(all_[3]))

    class Press(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            press_ctrl_c()

    restore()
    restore(callbacks=[Press()])
    assert steps == [member.STEPS, member.HURRIED_STEPS]
    assert member.HURRIED_STEPS <= member.STEPS / 2


def test_ctrl_c_while_a_snapshot_is_being_made(restore, handler, monkeypatch):
    restoration = restore(steps=60, snapshots=2)
    write = PriorModel.write_statistics

    def write_interrupted(*arguments):
        press_ctrl_c()
        write(*arguments)

    monkeypatch.setattr(PriorModel, "write_statistics", write_interrupted)
    with pytest.raises(KeyboardInterrupt):
        restoration.at(25)
    assert signal.getsignal(signal.SIGINT) is handler
    # Nothing is lost: it can be made again.
    monkeypatch.undo()
    assert np.isfinite(restoration.at(25).image).all()


@pytest.mark.parametrize("steps", [30, 1000])
def test_ctrl_c_while_the_last_state_is_looked_at(restore, handler, monkeypatch, steps):
    settle, fitting = Recovery.settle, [True]

    class Press(keras.callbacks.Callback):
        """The first Ctrl-C, unless the fit is over before."""

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                fitting.clear()
                press_ctrl_c()

    def settle_interrupted(self):
        if not fitting:
            press_ctrl_c()
        return settle(self)

    monkeypatch.setattr(Recovery, "settle", settle_interrupted)
    restoration = restore(steps=steps, callbacks=[Press()])
    assert restoration.stopped_by == "interrupt"
    step = min(steps, 50)
    assert restoration.stop_reason == (
        f"The fit was interrupted at step {step} of {steps}."
    )
    assert restoration.best_step == step
    assert is_whole(restoration)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.tensorflow
def test_ctrl_c_that_was_swallowed_ends_the_fit_all_the_same(restore, handler):
    class Swallow(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                try:
                    press_ctrl_c()
                except KeyboardInterrupt:
                    self.swallowed = True

    swallow = Swallow()
    restoration = restore(steps=200, callbacks=[swallow])
    assert swallow.swallowed
    assert restoration.stopped_by == "interrupt"
    assert restoration.steps < 200
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.tensorflow
def test_ctrl_c_that_became_another_error_is_still_ctrl_c(restore):
    class Wrap(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                try:
                    press_ctrl_c()
                except KeyboardInterrupt as interrupt:
                    raise SystemError("returned a result with an error") from interrupt

    restoration = restore(steps=200, callbacks=[Wrap()])
    assert restoration.stopped_by == "interrupt"
    assert restoration.steps < 200
    assert is_whole(restoration)
