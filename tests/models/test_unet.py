"""The U-Net: its size, its doublings, and that it serves any picture."""

import keras
import numpy as np
import pytest

from keras_dip.models.blocks import Blocks, InstanceNormalization
from keras_dip.models.unet import build_unet, latent_size

SMALL = {"input_channels": 4, "scale_channels": (4, 6, 8)}


def weights_of(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def test_the_network_of_the_library_picture_has_the_published_number_of_weights():
    assert weights_of(build_unet((64, 64))) == 1_616_315


@pytest.mark.parametrize(("size", "channels"), [((37, 50), 3), ((8, 8), 1)])
def test_any_size(run_model_test, size, channels):
    run_model_test(build_unet, size, channels=channels, **SMALL)


@pytest.mark.parametrize(
    "option",
    [
        {"upsampling": "bilinear", "padding": "reflect", "normalisation": "batch"},
        {"upsampling": "nearest", "activation": "elu", "use_bias": False},
    ],
    ids=str,
)
def test_any_option(run_model_test, option):
    run_model_test(build_unet, (19, 26), **SMALL, **option)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1, 1), (8, 8)), ((8, 9), (8, 12)), ((37, 50), (40, 52)), ((64, 4), (64, 8))],
)
def test_it_runs_on_sizes_that_can_be_halved_between_its_scales(size, expected):
    assert latent_size(size, 3) == expected


def test_a_transposed_convolution_spreads_every_pixel_over_four_by_four():
    z = keras.Input((3, 5, 2))
    output = Blocks("zero", "relu", True, None, 0).transposed_conv(z, 4, "a")
    model = keras.Model(z, output)
    x = np.random.default_rng(0).normal(size=(1, 3, 5, 2)).astype("float32")
    kernel, bias = model.get_layer("a_conv").get_weights()
    # Pixel i reaches the rows 2 i - 1 to 2 i + 2 (PyTorch: kernel 4, stride 2, padding
    # 1); what leaves the picture is cut off.
    expected = np.zeros((8, 12, 4))
    for i in range(3):
        for j in range(5):
            spread = np.einsum("c,abfc->abf", x[0, i, j], kernel)
            expected[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += spread
    np.testing.assert_allclose(model(x)[0], expected[1:-1, 1:-1] + bias, atol=1e-5)
    assert abs(kernel).max() <= 1 / np.sqrt(16 * 4)


def test_instance_normalisation_is_of_each_picture_and_channel():
    x = np.random.default_rng(0).normal(3, 2, (2, 6, 5, 3)).astype("float32")
    expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(
        x.var((1, 2), keepdims=True) + 1e-5
    )
    layer = InstanceNormalization()
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    assert layer.weights == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"upsampling": "deconv"}, "upsampling .*'transposed', .*Received: 'deconv'"),
        ({"normalisation": "layer"}, "normalisation .*'instance', .*: 'layer'"),
        ({"padding": "valid"}, "padding .*Received: 'valid'"),
        ({"scale_channels": (4,)}, r"2 or more scales\. Received: \(4,\)"),
    ],
    ids=str,
)
def test_options_that_are_off(option, message):
    with pytest.raises(ValueError, match=message):
        build_unet((16, 16), **{**SMALL, **option})
