"""What a task's preset comes to, defaults of the network included."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

from keras_dip.models.skip import build_skip
from keras_dip.settings import resolve


@pytest.fixture
def picture():
    """Draw uniform noise, [h, w, c] float32 in [0, 1]."""

    def draw(*shape, seed=0):
        return np.random.default_rng(seed).uniform(size=shape).astype("float32")

    return draw


@pytest.fixture
def published():
    """Return all settings of a preset, those of the network beside the others."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(build_skip).parameters.items()
    }

    def look_up(task, preset="paper"):
        chosen = resolve(task, preset)
        network = {**defaults, **chosen.network_options}
        # Common to all of the paper's restorations.
        assert chosen.network == "skip"
        assert chosen.beta_2 == 0.999
        assert chosen.recorruption == 0
        assert network["padding"] == "reflect"
        assert network["downsampling"] == "stride"
        assert network["activation"] == "leaky_relu"
        assert network["sigmoid"] and network["use_bias"]
        assert network["down_channels"] == network["up_channels"]
        assert network["up_kernel_size"] == 3
        assert network["skip_kernel_size"] == 1
        return SimpleNamespace(
            z=(chosen.latent, chosen.latent_channels),
            channels=network["down_channels"],
            skips=network["skip_channels"],
            down_kernel=network["down_kernel_size"],
            up_1x1=network["up_1x1"],
            upsampling=network["upsampling"],
            learning_rate=chosen.learning_rate,
            steps=chosen.steps,
            jitter=chosen.jitter,
            average=chosen.average,
            average_from_first=chosen.average_from_first,
        )

    return look_up
