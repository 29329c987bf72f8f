"""Copies of networks for a fit or in float32 for the export, and means of several."""

import keras
import numpy as np
import pytest

from keras_dip.models.copies import copy_for, in_float32, mean_of
from keras_dip.models.skip import build_skip

SMALL = {
    "input_channels": 2,
    "down_channels": (4,),
    "up_channels": (4,),
    "skip_channels": (2,),
}


@pytest.fixture
def z():
    return np.random.default_rng(0).uniform(size=(1, 12, 10, 2)).astype("float32")


def nest(network):
    """Put a network into another one."""
    outer = keras.Input(network.input_shape[1:])
    return keras.Model(outer, network(outer), name="outer")


def test_a_copy_has_the_same_picture_and_weights_of_its_own(z):
    network = build_skip((12, 10), **SMALL)
    copy = copy_for(network, (12, 10, 3))
    picture = np.array(network(z))
    np.testing.assert_array_equal(copy(z), picture)
    for weight in copy.trainable_weights:
        weight.assign(weight + 1)
    np.testing.assert_array_equal(network(z), picture)
    assert not np.allclose(copy(z), picture)


def test_the_weights_of_a_nested_network_are_copied_too(z):
    network = nest(build_skip((12, 10), **SMALL))
    copy = copy_for(network, (12, 10, 3))
    np.testing.assert_array_equal(copy(z), network(z))
    before = network.trainable_weights[0].numpy()
    copy.trainable_weights[0].assign(before + 1)
    np.testing.assert_array_equal(network.trainable_weights[0], before)


class Subclass(keras.Model):
    def call(self, z):
        return z


def one_input(*shape, **layer):
    z = keras.Input(shape)
    return keras.Model(z, keras.layers.Conv2D(3, 1, **layer)(z))


def two_inputs():
    pair = [keras.Input((12, 10, 2)), keras.Input((12, 10, 1))]
    return keras.Model(pair, keras.layers.Concatenate()(pair))


def two_outputs():
    z = keras.Input((12, 10, 3))
    return keras.Model(z, [keras.layers.Conv2D(3, 1)(z), keras.layers.Conv2D(3, 1)(z)])


def flat():
    z = keras.Input((12,))
    return keras.Model(z, keras.layers.Dense(3)(z))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Subclass, "functional keras.Model with one input.* Received: a subclass"),
        (two_inputs, r"one input .* inputs \[\(None, 12, 10, 2\), "),
        (flat, r"one input .* Received: inputs \[\(None, 12\)\]"),
        (lambda: one_input(None, None, 2), "of fixed input size"),
        (lambda: one_input(6, 5, 2), r"output of shape \(12, 10, 3\).*6, 5, 3"),
        (lambda: one_input(12, 10, 2, strides=2), r"\(12, 10, 3\).*6, 5, 3"),
        (two_outputs, r"output of shape \(12, 10, 3\)"),
    ],
    ids=["subclass", "two inputs", "rank", "any size", "size", "stride", "two outputs"],
)
def test_networks_that_cannot_give_the_picture(network, message):
    with pytest.raises(ValueError, match=message):
        copy_for(network(), (12, 10, 3))


def test_float32_networks_are_left_alone():
    network = build_skip((12, 10), **SMALL)
    assert in_float32(network) is network


@pytest.mark.parametrize(
    "shell", [lambda network: network, nest], ids=["flat", "nested"]
)
def test_mixed_precision_becomes_float32_throughout(z, shell):
    plain = build_skip((12, 10), **SMALL)
    mixed = shell(build_skip((12, 10), **SMALL, dtype="mixed_bfloat16"))
    mixed.set_weights(plain.get_weights())
    copy = in_float32(mixed)
    assert copy is not mixed
    # Equal to float32's picture, which the mixed network only resembles.
    np.testing.assert_array_equal(copy(z), plain(z))
    assert not np.array_equal(mixed(z), plain(z))


def test_the_mean_of_networks_is_a_network(z):
    networks = [build_skip((12, 10), **SMALL, seed=seed) for seed in range(3)]
    pictures = [np.array(network(z)) for network in networks]
    mean = mean_of(networks)
    np.testing.assert_allclose(mean(z), np.mean(pictures, axis=0), atol=1e-6)
    assert np.ptp(pictures, axis=0).max() > 0.01
    assert mean.count_params() == 3 * networks[0].count_params()
    # As a whole: they would be told apart by their names if it were saved.
    assert len({layer.name for layer in mean.layers}) == len(mean.layers)


def test_the_mean_of_one_network_is_that_network():
    network = build_skip((12, 10), **SMALL)
    assert mean_of([network]) is network
