"""The hourglass: a skip network without skips, and the ways to ask for a network."""

import keras
import pytest

from keras_dip import models
from keras_dip.models.hourglass import build_hourglass
from keras_dip.models.skip import build_skip

SMALL = {"input_channels": 4, "down_channels": (6, 8), "up_channels": (7, 5)}


@pytest.mark.parametrize("size", [(8, 8), (13, 20)])
def test_any_size(run_model_test, size):
    run_model_test(build_hourglass, size, **SMALL)


@pytest.mark.parametrize(
    "option",
    [
        {"downsampling": "lanczos2", "padding": "zero"},
        {"upsampling": "nearest", "activation": "elu", "up_1x1": False},
        {"sigmoid": False, "use_bias": False, "down_kernel_size": (5, 3)},
    ],
    ids=str,
)
def test_any_option(run_model_test, option):
    run_model_test(build_hourglass, (19, 26), **SMALL, **option)


def test_it_is_the_skip_network_without_skips():
    hourglass = build_hourglass((16, 16), **SMALL, skip_channels=(3, 2))
    skip = build_skip((16, 16), **SMALL, skip_channels=(0, 0))
    assert [w.shape for w in hourglass.weights] == [w.shape for w in skip.weights]
    kinds = [type(layer) for layer in hourglass.layers]
    assert keras.layers.Concatenate not in kinds
    # The normalisation before the up convolution is still there.
    assert hourglass.get_layer("scale0_merge_norm") is not None
    assert hourglass.name == "hourglass"


def test_the_number_of_scales_follows_the_channels():
    assert build_hourglass((16, 16)).input_shape == (None, 64, 64, 32)
    three = build_hourglass((16, 16), down_channels=[4] * 3, up_channels=[4] * 3)
    assert three.input_shape == (None, 16, 16, 32)


def test_networks_by_name():
    for name in ("skip", "hourglass"):
        network = models.build(name, (16, 16), **SMALL, skip_channels=(3, 2), seed=4)
        assert network.name == name
        assert network.output_shape == (None, 16, 16, 3)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"Expected .*skip, hourglass, .*'vgg'"):
        models.build("vgg", (16, 16))
