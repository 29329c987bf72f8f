"""What a fit refuses under JAX, and what it survives; run by test_under_jax.py."""

import os
import signal

import jax
import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, Operator
from keras_dip.errors import FitError
from keras_dip.traces import Traces, Twins, shared_traces
from keras_dip.train_steps import jax as jax_steps
from keras_dip.train_steps.jax import Steps


def rounded(x):
    return keras.ops.round(255 * x) / 255


@pytest.mark.parametrize("operator", [rounded, lambda x: 0 * rounded(x) + 0.5])
def test_a_loss_without_a_gradient_is_refused(operator, scene):
    prior = DeepImagePrior(Operator(operator), network="pixels", steps=3)
    with pytest.raises(ValueError, match=r"differentiable.* a loss without"):
        prior.fit(scene(12, 10, 3))


def test_one_with_a_gradient_is_not(scene):
    noisy = np.clip(scene(12, 10, 3), 0, 1)
    prior = DeepImagePrior(Operator(lambda x: x**2), network="pixels", steps=3)
    assert prior.fit(noisy**2).steps == 3


@pytest.mark.parametrize("traces", [Traces, Twins])
def test_a_second_picture_compiles_nothing(scene, monkeypatch, traces):
    traced, step = [], jax_steps._one_step

    def counted(*arguments):
        traced.append(None)
        return step(*arguments)

    monkeypatch.setattr(jax_steps, "_one_step", counted)
    pictures = [scene(12, 10, 3, noise=0.1, seed=i) for i in range(2)]

    def fit(picture):
        return DeepImagePrior(network="pixels", steps=30).fit(picture).image

    alone = [fit(picture) for picture in pictures]
    assert len(traced) == 2
    with shared_traces(traces()):
        shared = [fit(picture) for picture in pictures]
    assert len(traced) == 3
    np.testing.assert_array_equal(shared, alone)


def in_call(monkeypatch, number, act):
    """Let `act(state)` happen when a call of the train function has been made."""
    make, calls = Steps.make_train_function, []

    def made(self, force=False):
        make(self, force)
        take = self.traced.alone

        def take_and_act(state, data):
            after = take(state, data)
            calls.append(None)
            if len(calls) == number:
                act(state)
            return after

        self.traced.alone = take_and_act
        make(self)

    monkeypatch.setattr(Steps, "make_train_function", made)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("number", [1, 40])
def test_ctrl_c_in_a_call_keeps_the_best(scene, monkeypatch, number):
    in_call(monkeypatch, number, lambda _: os.kill(os.getpid(), signal.SIGINT))
    found = DeepImagePrior(network="pixels", steps=75).fit(scene(12, 10, 3))
    assert (found.stopped_by, found.steps) == ("interrupt", number)
    assert np.isfinite(found.image).all()


@pytest.mark.parametrize("number", [1, 40])
def test_too_little_memory_is_told_though_the_values_are_lost(
    scene, monkeypatch, number
):
    def fail(state):
        assert all(value.is_deleted() for value in jax.tree.leaves(state[0]))
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    in_call(monkeypatch, number, fail)
    with pytest.raises(FitError, match=r"memory for 10x12 pixels.*RESOURCE_EXHAUSTED"):
        DeepImagePrior(network="pixels", steps=75).fit(scene(12, 10, 3))
