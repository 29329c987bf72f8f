"""Pictures and networks that many tests share; Keras is imported only where used."""

import gc
from functools import partial

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run: what passed here passes on another machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


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
