"""What the backends say and can, beside the step itself."""

import os
import subprocess
import sys

import keras
import pytest

from keras_dip import DeepImagePrior, train_steps
from keras_dip.train_steps import is_compiled, steps_of

COMPILE = {
    "jax": "import jax; jax.jit(lambda x: x + 1)(2.0)",
    "tensorflow": "import tensorflow as tf; "
    "tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(2.0))",
}


@pytest.mark.parametrize("backend", COMPILE)
def test_compiled_steps_are_kept_in_a_folder(tmp_path, backend):
    pytest.importorskip(backend)
    folder = tmp_path / "a cache"
    program = f"""
import keras
from keras_dip.train_steps import steps_of
steps_of({backend!r})
{COMPILE[backend]}
"""
    own = {
        "KERAS_BACKEND": backend,
        "KERAS_DIP_COMPILE_CACHE": str(folder),
    }
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert any(folder.iterdir())


def test_a_folder_that_cannot_be_is_named(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(b"")
    monkeypatch.setenv("KERAS_DIP_COMPILE_CACHE", str(file))

    with pytest.warns(UserWarning, match="Expected KERAS_DIP_COMPILE_CACHE as"):
        steps_of(keras.config.backend())


@pytest.mark.parametrize(
    ("asked", "device", "gpus", "expected"),
    [
        ("auto", None, ["gpu:0"], True),
        ("auto", "gpu", ["gpu:0"], True),
        ("auto", "cpu", ["gpu:0"], False),
        ("auto", None, [], False),
        (True, "cpu", [], True),
        (False, None, ["gpu:0"], False),
    ],
)
def test_tensorflow_is_compiled_on_a_gpu(
    monkeypatch, tiny_network, asked, device, gpus, expected
):
    monkeypatch.setattr(train_steps, "gpus", lambda: gpus)
    monkeypatch.setattr(keras.config, "backend", lambda: "tensorflow")

    assert is_compiled(asked, device, tiny_network(8, 8)) is expected


def test_jax_is_always_compiled(monkeypatch, tiny_network):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")

    assert is_compiled(False, "cpu", tiny_network(8, 8))


def test_a_layer_that_xla_cannot_compile(monkeypatch, tiny_network):
    monkeypatch.setattr(train_steps, "gpus", lambda: ["gpu:0"])
    monkeypatch.setattr(keras.config, "backend", lambda: "tensorflow")
    network = tiny_network(8, 8)
    network.layers[1].supports_jit = False

    assert not is_compiled("auto", None, network)
    assert is_compiled(True, None, network)


def test_no_other_word_for_compiling():
    with pytest.raises(ValueError, match="Expected jit_compile of True, "):
        DeepImagePrior(jit_compile="gpu")


ONE_BY_ONE = """
import numpy as np
import keras
from keras_dip.fitting import PriorModel
from keras_dip.models.fused import Adam
x = keras.Input((8, 8, 2))
network = keras.Model(x, keras.layers.Conv2D(3, 1)(x))
model = PriorModel(
    network,
    lambda x, observed: keras.ops.mean(keras.ops.square(x - observed["picture"])),
    np.ones((1, 8, 8, 2)),
    {"picture": np.ones((1, 8, 8, 3))},
)
optimizer = Adam(0.01)
optimizer.build(network.trainable_variables)
model.compile(optimizer=optimizer)
assert not model.loops
model.take_steps(5, interval=3)  # calls of 1, 1, 1; 1, 1 and 0 steps
assert model.step == 5, model.step
after = [np.asarray(v) for v in model.state]
model.take_steps(1, interval=3)
assert model.step == 6
assert any(not np.array_equal(a, b) for a, b in zip(after, model.state))
"""


def test_on_a_cpu_jax_takes_one_step_a_call_and_none_where_none_is_asked():
    pytest.importorskip("jax")
    run = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
