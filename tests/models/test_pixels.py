"""The picture itself as the unknown."""

import keras
import numpy as np
import pytest

from keras_dip.models.copies import in_float32, mean_of
from keras_dip.models.pixels import build_pixels


@pytest.fixture(params=[((37, 50), 3), ((5, 4), 1)], ids=str)
def network(request):
    size, channels = request.param
    return build_pixels(size, input_channels=2, output_channels=channels)


def draw(network, batch=1):
    shape = (batch, *network.input_shape[1:])
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_the_picture_is_the_weight_whatever_z_is(network):
    picture = network.get_layer("image").picture
    assert network.output_shape == (None, *picture.shape)
    assert [weight.path for weight in network.trainable_weights] == [picture.path]
    for z in (draw(network, 2), -draw(network, 2), np.zeros((2, 1, 1, 2), "float32")):
        output = np.array(network(z))
        np.testing.assert_array_equal(output, np.stack([picture] * 2))


def test_the_gradient_of_a_pixel_is_that_of_its_error(network, gradients_of_weights):
    target = np.random.default_rng(1).uniform(size=network.output_shape[1:])
    target = target.astype("float32")
    (gradient,) = gradients_of_weights(
        network, lambda picture: keras.ops.square(picture - target) / 2, draw(network)
    )
    picture = np.array(network.get_layer("image").picture)
    np.testing.assert_allclose(gradient, picture - target, atol=1e-6)


def test_it_starts_grey_with_the_noise_of_the_seed():
    def start(seed):
        return build_pixels((20, 30), seed=seed).get_weights()[0]

    np.testing.assert_array_equal(start(3), start(3))
    assert not np.array_equal(start(3), start(4))
    assert 0.45 <= start(3).min() < start(3).max() <= 0.55


def test_its_file_holds_the_picture(network, tmp_path):
    network.save(tmp_path / "pixels.keras")
    again = keras.models.load_model(tmp_path / "pixels.keras")
    z = draw(network)
    np.testing.assert_array_equal(again(z), network(z))


def test_it_is_float32_in_any_policy(network):
    mixed = build_pixels((5, 4), dtype="mixed_bfloat16")
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    assert mixed(np.zeros((1, 1, 1, 1), "float32")).dtype == "float32"
    assert in_float32(mixed) is mixed


def test_the_mean_of_two():
    first, second = (build_pixels((5, 4), seed=seed) for seed in range(2))
    expected = (first.get_weights()[0] + second.get_weights()[0]) / 2
    z = draw(first)
    np.testing.assert_allclose(mean_of([first, second])(z)[0], expected, atol=1e-7)
