"""The pieces of the networks: padding, convolution, halving, doubling, arguments."""

import keras
import numpy as np
import pytest

from keras_dip.models.blocks import (
    Blocks,
    LanczosDownsampling2D,
    ReflectionPadding2D,
    check_choice,
    per_scale,
)
from keras_dip.ops.downsample import downsample

GENERATOR = np.random.default_rng(2)


def draw(*shape):
    return GENERATOR.normal(size=shape).astype("float32")


def make_blocks(**changes):
    options = {"padding": "reflect", "activation": "leaky_relu", "use_bias": True}
    return Blocks(**{**options, "dtype": None, "seed": 3, **changes})


def apply(make, x):
    """Run what a block makes of a picture, with its first weights."""
    z = keras.Input(x.shape[1:])
    network = keras.Model(z, make(z))
    return network, keras.ops.convert_to_numpy(network(x, training=True))


def convolve(x, kernel, bias, stride):
    """Return a valid convolution, one output pixel after the other."""
    side = kernel.shape[0]
    rows = range(0, x.shape[1] - side + 1, stride)
    columns = range(0, x.shape[2] - side + 1, stride)
    picture = [
        [np.tensordot(x[0, i : i + side, j : j + side], kernel, 3) for j in columns]
        for i in rows
    ]
    return np.asarray(picture)[np.newaxis] + bias


@pytest.mark.parametrize("padding", [1, 2, 4])
def test_reflection_does_not_repeat_the_edge(padding):
    x = draw(2, 6, 5, 3)
    side = (padding, padding)
    expected = np.pad(x, ((0, 0), side, side, (0, 0)), mode="reflect")
    layer = ReflectionPadding2D(padding)
    np.testing.assert_array_equal(layer(x), expected)
    assert layer.compute_output_shape(x.shape) == expected.shape
    assert layer.compute_output_shape((None, None, 5, 3))[1] is None
    again = ReflectionPadding2D.from_config(layer.get_config())
    np.testing.assert_array_equal(again(x), expected)


@pytest.mark.parametrize("kernel", ["lanczos2", "lanczos3"])
@pytest.mark.parametrize("size", [(8, 6), (7, 9)])
def test_lanczos_layer_is_the_operator(kernel, size):
    x = draw(1, *size, 3)
    layer = LanczosDownsampling2D(kernel)
    expected = keras.ops.convert_to_numpy(downsample(x, 2, kernel))
    np.testing.assert_array_equal(layer(x), expected)
    assert layer.compute_output_shape(x.shape) == expected.shape
    again = LanczosDownsampling2D.from_config(layer.get_config())
    np.testing.assert_array_equal(again(x), expected)


@pytest.mark.parametrize(
    ("padding", "mode"), [("reflect", "reflect"), ("zero", "constant")]
)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("down", [None, "stride"])
def test_convolutions_pad_alike_on_all_sides(padding, mode, kernel_size, down):
    x = draw(1, 8, 6, 2)
    blocks = make_blocks(padding=padding)
    network, output = apply(lambda z: blocks.conv(z, 3, kernel_size, "a", down), x)
    layer = network.get_layer("a_conv")
    side = (kernel_size // 2,) * 2
    padded = np.pad(x, ((0, 0), side, side, (0, 0)), mode=mode)
    expected = convolve(
        padded, layer.kernel.numpy(), layer.bias.numpy(), 2 if down else 1
    )
    np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.parametrize("down", ["avg", "max", "lanczos2", "lanczos3"])
def test_the_other_ways_to_halve_follow_the_convolution(down):
    x = draw(1, 8, 6, 2)
    _, full = apply(lambda z: make_blocks().conv(z, 3, 3, "a"), x)
    _, halved = apply(lambda z: make_blocks().conv(z, 3, 3, "a", down), x)
    quads = full.reshape(1, 4, 2, 3, 2, 3)
    expected = {
        "avg": lambda: quads.mean(axis=(2, 4)),
        "max": lambda: quads.max(axis=(2, 4)),
    }.get(down, lambda: keras.ops.convert_to_numpy(downsample(full, 2, down)))()
    np.testing.assert_allclose(halved, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
        ("relu", lambda x: np.maximum(x, 0)),
        ("swish", lambda x: x / (1 + np.exp(-x))),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(x))),
        ("none", lambda x: x),
    ],
)
def test_activations_follow_the_normalisation(activation, function):
    x = draw(1, 8, 6, 2)
    _, plain = apply(lambda z: make_blocks().conv(z, 3, 3, "a"), x)
    deviation = np.sqrt(plain.var(axis=(0, 1, 2)) + 1e-5)
    normal = (plain - plain.mean(axis=(0, 1, 2))) / deviation
    blocks = make_blocks(activation=activation)
    _, output = apply(lambda z: blocks.conv_norm_act(z, 3, 3, "a"), x)
    np.testing.assert_allclose(output, function(normal), atol=1e-5)


def test_nearest_doubling_repeats_and_bilinear_weighs_by_half_pixels():
    x = np.array([0.0, 4.0], "float32").reshape(1, 1, 2, 1)
    _, nearest = apply(lambda z: make_blocks().upsample(z, "nearest", "a"), x)
    _, bilinear = apply(lambda z: make_blocks().upsample(z, "bilinear", "a"), x)
    np.testing.assert_array_equal(nearest[0, :, :, 0], [[0, 0, 4, 4]] * 2)
    np.testing.assert_allclose(bilinear[0, :, :, 0], [[0, 1, 3, 4]] * 2)


def test_every_drawing_has_a_seed_of_its_own():
    x = draw(1, 8, 8, 2)

    def two(z):
        blocks = make_blocks()
        return blocks.conv(blocks.conv(z, 2, 3, "a"), 2, 3, "b")

    network, _ = apply(two, x)
    first, second = network.get_layer("a_conv"), network.get_layer("b_conv")
    assert not np.allclose(first.kernel, second.kernel)
    assert not np.allclose(first.bias, second.bias)
    assert not np.allclose(first.kernel.numpy().ravel()[:2], first.bias)


def test_one_value_or_one_per_scale():
    assert per_scale("size", 3, 2) == (3, 3)
    assert per_scale("mode", "bilinear", 2) == ("bilinear", "bilinear")
    assert per_scale("size", [3, 5], 2) == (3, 5)
    with pytest.raises(ValueError, match=r"Expected size .* 2 scales\. .*\[1, 2, 3\]"):
        per_scale("size", [1, 2, 3], 2)


def test_choices():
    assert check_choice("mode", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match=r"Expected mode .*'a', 'b'\. Received: 'c'"):
        check_choice("mode", "c", ("a", "b"))
