"""The merged upsampling is the function of the plain layers, with the same weights."""

import keras
import numpy as np
import pytest

from keras_dip.models.merge import NearestMergeConv2D
from keras_dip.models.skip import build_skip

OPTIONS = {
    "input_channels": 4,
    "down_channels": (6, 8),
    "up_channels": (7, 5),
    "upsampling": "nearest",
}


def plain(skip, deep, kernel, padding):
    doubled = keras.ops.repeat(keras.ops.repeat(deep, 2, axis=1), 2, axis=2)
    x = keras.ops.concatenate([*skip, doubled], axis=-1)
    mode = {"zero": "constant", "reflect": "reflect"}[padding]
    x = keras.ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)
    return keras.ops.conv(x, kernel, data_format="channels_last")


@pytest.mark.parametrize("padding", ["reflect", "zero"])
@pytest.mark.parametrize("with_skip", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 6)])
def test_layer_is_upsampling_concatenation_and_convolution(padding, with_skip, size):
    rng = np.random.default_rng(0)
    deep = rng.normal(size=(2, *size, 4)).astype("float32")
    doubled = (2 * size[0], 2 * size[1])
    skip = [rng.normal(size=(2, *doubled, 3)).astype("float32")] if with_skip else []
    layer = NearestMergeConv2D(5, padding, use_bias=False)
    output = layer([*skip, deep])
    assert tuple(output.shape) == (2, *doubled, 5)
    expected = plain(skip, deep, layer.kernel, padding)
    np.testing.assert_allclose(output, expected, rtol=0, atol=2e-6)


def test_a_seed_draws_the_weights_of_the_plain_network():
    options = {**OPTIONS, "skip_channels": (3, 2), "seed": 5}
    plain_weights = {w.path: w for w in build_skip((16, 16), **options).weights}
    convolutions = [
        w
        for w in build_skip((16, 16), subpixel=True, **options).weights
        if "_conv/" in w.path
    ]
    assert len(convolutions) == 2 * (5 * 2 + 1)
    for weight in convolutions:
        np.testing.assert_array_equal(weight, plain_weights[weight.path])


@pytest.mark.parametrize("merge_norm", [True, False])
@pytest.mark.parametrize("skip_channels", [(3, 2), (0, 2), (0, 0)])
def test_network_is_the_plain_network_with_the_same_weights(skip_channels, merge_norm):
    options = {**OPTIONS, "skip_channels": skip_channels, "merge_norm": merge_norm}
    network = build_skip((22, 19), **options)
    merged = build_skip((22, 19), subpixel=True, **options)
    weights = {weight.path: weight for weight in network.weights}
    assert any("_merge" in path for path in weights) is merge_norm
    rng = np.random.default_rng(1)
    for weight in network.trainable_weights:
        weight.assign(weight + 0.3 * rng.normal(size=weight.shape))
    for weight in merged.weights:
        part = "merge_skip" if "merge_skip" in weight.path else "merge_deep"
        values = weights[weight.path.replace(part, "merge")].numpy()
        if "_merge_" in weight.path:  # the skip's channels come first
            count = weight.shape[0]
            values = values[:count] if part == "merge_skip" else values[-count:]
        weight.assign(values)
    z = rng.normal(size=(1, *network.input_shape[1:])).astype("float32")
    np.testing.assert_allclose(
        merged(z, training=True), network(z, training=True), rtol=0, atol=2e-5
    )


def test_merged_network_survives_saving_and_mixed_precision(run_model_test):
    run_model_test(build_skip, (19, 26), **OPTIONS, skip_channels=(3, 2), subpixel=True)


@pytest.mark.parametrize(
    "option", [{"upsampling": "bilinear"}, {"up_kernel_size": 5}], ids=str
)
def test_subpixel_needs_nearest_upsampling_and_3x3(option):
    options = {**OPTIONS, "skip_channels": (3, 2), **option}
    with pytest.raises(ValueError, match=r"Expected nearest upsampling .* Received"):
        build_skip((16, 16), subpixel=True, **options)
