"""What many tests share: pictures, networks, restorations that were never fitted.

Keras is imported only where used.
"""

import gc
import os
import signal
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run: what passed here passes on another machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_runtest_setup(item):
    """Leave out what is about TensorFlow where Keras has another backend."""
    if item.get_closest_marker("tensorflow"):
        import keras

        if keras.config.backend() != "tensorflow":
            pytest.skip("about TensorFlow's own operations or settings")


def pytest_collection_finish():
    """Spare the garbage collector what was imported: it stays to the end anyway.

    Of TensorFlow alone there is so much that a collection, as each tile ends with one,
    takes a quarter of a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def scene():
    """Draw float32 pictures in [0, 1]: smooth waves and one edge, noisy if asked."""

    def draw(height, width, channels=None, *, noise=0.0, seed=1):
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        layers = [0.5 + 0.3 * np.sin((3 + i) * x + 2 * y) for i in range(channels or 1)]
        picture = np.stack(layers, axis=-1)
        picture[: height // 2, : width // 2] *= 0.6
        generator = np.random.default_rng(seed)
        picture += noise * generator.standard_normal(picture.shape)
        picture = picture.clip(0, 1).astype("float32")
        return picture[..., 0] if channels is None else picture

    return draw


@pytest.fixture(scope="session")
def tiny_network():
    """Build networks of one hidden layer, from z of two channels to a picture.

    Its train step is traced in a fraction of a second; it has all that a fit, a
    recovery or an export can stumble over: batch statistics, biases and a sigmoid.
    """
    import keras

    from keras_dip.models.fused import BatchNormalization

    def build(height, width, channels=3, *, inputs=2, dtype=None, seed=0):
        uniform = keras.initializers.RandomUniform(-0.3, 0.3, seed=seed)
        z = keras.Input((height, width, inputs), name="z")
        x = keras.layers.Conv2D(
            6, 3, padding="same", kernel_initializer=uniform, dtype=dtype, name="hidden"
        )(z)
        x = BatchNormalization(dtype=dtype, name="norm")(x)
        x = keras.layers.LeakyReLU(0.2, dtype=dtype)(x)
        image = keras.layers.Conv2D(
            channels,
            1,
            activation="sigmoid",
            kernel_initializer=uniform,
            dtype="float32",
            name="output",
        )(x)
        return keras.Model(z, image, name="tiny")

    return build


@pytest.fixture(scope="session")
def gradient():
    """Differentiate a function of `keras.ops`, at an array, by the backend of Keras.

    Its values are summed up, as `tf.GradientTape` does.
    """
    import keras

    def by_jax(function, x):
        import jax

        return jax.grad(lambda x: keras.ops.sum(function(x)))(jax.numpy.asarray(x))

    def by_tensorflow(function, x):
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, x)

    by_backend = by_jax if keras.config.backend() == "jax" else by_tensorflow

    def gradient_of(function, x):
        return keras.ops.convert_to_numpy(by_backend(function, x))

    return gradient_of


@pytest.fixture(scope="session")
def gradients_of_weights():
    """Differentiate a function of a network's picture of z by all its weights."""
    import keras

    def by_jax(network, loss, z):
        import jax

        others = [v.value for v in network.non_trainable_variables]

        def of(weights):
            picture, _ = network.stateless_call(weights, others, z, training=True)
            return keras.ops.sum(loss(picture))

        return jax.jit(jax.grad(of))([v.value for v in network.trainable_variables])

    def by_tensorflow(network, loss, z):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss(network(z, training=True))
        return tape.gradient(value, network.trainable_weights)

    return by_jax if keras.config.backend() == "jax" else by_tensorflow


@pytest.fixture(scope="module")
def traced_once():
    """Let the fits of a file use each other's compiled steps, as those of a batch do.

    For files whose fits are many and alike: tracing is most of what they take. A Keras
    model as network has to be the same object for that.
    """
    from keras_dip.traces import Traces, shared_traces

    class AllTraces(Traces):
        """Keeps every model, where the others keep the last one."""

        def __init__(self):
            super().__init__()
            self.kept = {}

        def model(self, key, parts, build):
            one = self.kept.setdefault((key, *map(id, parts)), Traces())
            return one.model(key, parts, build)

    with shared_traces(AllTraces()):
        yield


@pytest.fixture(scope="session")
def small_skip():
    """Build skip networks of two thin scales, for `network=`.

    For fits that are to come near a picture: traced in a second, where the five scales
    of the presets take several, and as good on pictures of a few dozen pixels.
    """
    from keras_dip.models.skip import build_skip

    return partial(
        build_skip,
        down_channels=(32, 32),
        up_channels=(32, 32),
        skip_channels=(4, 4),
        upsampling="nearest",
        up_1x1=False,
        use_bias=False,
    )


@pytest.fixture(scope="session")
def made(scene, tiny_network):
    """Make restorations of any size without a fit; `changes` replace parts."""
    from keras_dip.latents import make_latent
    from keras_dip.restoration import Evidence, Restoration, Source

    def make(*shape, **changes):
        clean = scene(*shape)
        noise = np.random.default_rng(0).normal(0, 0.1, shape)
        given = np.rint((clean + noise).clip(0, 1) * 255).astype("uint8")
        channels = shape[2] if len(shape) == 3 else 1
        latent = make_latent("noise", shape[:2], 2, seed=1)
        network = tiny_network(*shape[:2], channels)
        steps = np.array([25, 50, 75, 100])
        restoration = Restoration(
            image=clean,
            history={
                "step": steps,
                "loss": np.array([0.04, 0.02, 0.012, 0.01]),
                "seconds": steps / 10,
                "criterion": np.array([np.nan, 0.3, 0.2, 0.4]),
            },
            settings={
                "task": "denoise",
                "task_options": {"sigma": None, "noise": "gaussian"},
                "network": "tiny",
                "steps": 100,
                "seed": 0,
                "members": 1,
                "versions": {"keras_dip": "1.2.3"},
            },
            steps=100,
            best_step=75,
            stopped_by="wmv",
            stop_reason="It was enough.",
            seconds=10.0,
            source=Source(network, latent, lambda x: x, "uint8"),
            evidence=Evidence(given.reshape(*shape[:2], channels), lambda x: x),
        )
        return replace(restoration, **changes)

    return make


@pytest.fixture(scope="session")
def with_iterates():
    """Give a restoration iterates, from a function of the step."""
    from keras_dip.restoration import Snapshot

    def give(restoration, steps, picture_at):
        source = replace(restoration.source, picture_at=picture_at)
        snapshots = {step: Snapshot(step, 0.1) for step in steps}
        return replace(restoration, source=source, snapshots=snapshots)

    return give


@pytest.fixture
def jax_environment():
    """Return the environment of a process whose Keras has JAX as backend."""
    if find_spec("jax") is None:
        pytest.skip("needs JAX: extra 'jax'")
    # Compiling takes most of the time here, and little of it makes small fits faster.
    quick = (
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    )
    jax = {"KERAS_BACKEND": "jax", "XLA_FLAGS": quick}
    return {**os.environ, **jax, "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.fixture(autouse=True)
def handler():
    """Take Python's own handler: what is begun in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)
