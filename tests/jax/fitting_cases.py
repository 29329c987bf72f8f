"""What a fit refuses under JAX, and what it survives; run by test_under_jax.py."""

import logging
import os
import re
import signal

import jax
import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, Operator
from keras_dip.errors import FitError
from keras_dip.models.fused import RandomUniform
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


def compiled_by(act):
    """Return the names of the functions that JAX compiles meanwhile."""
    names = []

    class Listener(logging.Handler):
        def emit(self, record):
            found = re.search(r"Finished XLA compilation of (\S+)", record.getMessage())
            names.extend(found.groups() if found else ())

    listener, logger = Listener(), logging.getLogger("jax")
    logger.addHandler(listener)
    try:
        with jax.log_compiles():
            act()
    finally:
        logger.removeHandler(listener)
    return names


@pytest.mark.parametrize("members", [1, 2])
def test_few_functions_are_compiled(tiny_network, scene, members):
    prior = DeepImagePrior(
        "denoise", network=tiny_network(12, 10), latent="noise", steps=2,
        members=members,
    )  # fmt: skip
    names = compiled_by(lambda: prior.fit(scene(12, 10, 3, noise=0.1)))
    # The step, the averaged picture, the finished network in training and not.
    assert sum("train_step" in name for name in names) == 1
    assert sum(name == "jit(finished)" for name in names) == 2
    assert len(names) < 20  # 9 were seen; operation by operation it was more
    assert compiled_by(lambda: prior.fit(scene(12, 10, 3, noise=0.2))) == []


def frozen_inside(size, tiny):
    """Return a network whose first part is not fitted."""
    inner = tiny(*size)
    inner.trainable = False
    z = keras.Input(inner.input_shape[1:])
    picture = keras.layers.Conv2D(3, 1, activation="sigmoid", dtype="float32")
    return keras.Model(z, picture(inner(z)))


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "paper", "members": 2},  # an average, carried into one network
        {"optimize": "net+input"},
        {"is_frozen": True},
    ],
    ids=str,
)
def test_what_is_compiled_for_one_network_suits_all(tiny_network, scene, options):
    options = {"steps": 50, "snapshots": 2, "latent": "noise", **options}
    network = tiny_network(12, 10)
    if options.pop("is_frozen", False):
        network = frozen_inside((12, 10), tiny_network)
    prior = DeepImagePrior("denoise", network=network, **options)
    for seed in (1, 2):
        made = prior.fit(scene(12, 10, 3, noise=0.1, seed=seed))
        for step in made.snapshots:
            found = made.at(step)
            own = found.source.network(found.z, training=False)
            own = np.clip(found.source.finish(own)[0], 0, 1)
            np.testing.assert_allclose(found.image, own, rtol=0, atol=1e-6)
        # Nor does it matter what becomes of a network that was given away.
        made.source.network.trainable = False
        jax.clear_caches()


def test_a_seed_generator_of_keras_seeds_weights_too():
    start = RandomUniform(0, 1, seed=keras.random.SeedGenerator(3))
    first, second = (np.asarray(start((50, 50))) for _ in range(2))
    assert first.mean() == pytest.approx(0.5, abs=0.05)
    assert not np.array_equal(first, second)


def test_weights_are_drawn_without_compiling():
    start = RandomUniform(-0.25, 0.75, seed=3)
    drawn = []
    names = compiled_by(lambda: drawn.append(start((3, 3, 40, 50), "float32")))
    assert names == []
    values = np.asarray(drawn[0])
    assert values.dtype == "float32" and values.shape == (3, 3, 40, 50)
    assert (values.min(), values.max()) == pytest.approx((-0.25, 0.75), abs=1e-3)
    assert values.mean() == pytest.approx(0.25, abs=0.01)
    again, other = start((3, 3, 40, 50)), RandomUniform(-0.25, 0.75, seed=4)
    np.testing.assert_array_equal(again, values)
    assert not np.array_equal(other((3, 3, 40, 50)), values)


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
