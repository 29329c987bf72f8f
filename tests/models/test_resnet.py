"""The ResNet: its size, and that it serves any picture."""

import numpy as np
import pytest

from keras_dip.models.resnet import build_resnet

SMALL = {"input_channels": 4, "blocks": 2, "block_channels": 6}


def test_the_network_of_the_library_picture_has_the_published_number_of_weights():
    network = build_resnet((16, 16), blocks=8, block_channels=32)
    count = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert count == 158_979


@pytest.mark.parametrize(("size", "channels"), [((37, 50), 3), ((8, 7), 1)])
def test_any_size(run_model_test, size, channels):
    network, _ = run_model_test(build_resnet, size, channels=channels, **SMALL)
    assert network.input_shape == (None, *size, 4)


def test_any_option(run_model_test):
    options = {"padding": "zero", "activation": "elu", "residual": False}
    run_model_test(build_resnet, (9, 12), **SMALL, **options)


def test_a_single_pixel_is_cut_from_four():
    network = build_resnet((1, 5), **SMALL)
    assert network.input_shape == (None, 2, 5, 4)
    assert network.output_shape == (None, 1, 5, 3)


def test_a_block_that_computes_nothing_hands_on_its_input():
    network = build_resnet((8, 8), **SMALL)
    for layer in network.layers:
        if layer.name.startswith("block1_out_norm"):
            layer.gamma.assign(layer.gamma * 0)
    one = build_resnet((8, 8), **{**SMALL, "blocks": 1})
    for layer in one.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    z = np.random.default_rng(0).uniform(size=(1, 8, 8, 4)).astype("float32")
    np.testing.assert_array_equal(network(z, training=True), one(z, training=True))


def test_options_that_are_off():
    with pytest.raises(ValueError, match=r"activation .*Received: 'tanh'"):
        build_resnet((8, 8), activation="tanh")
