"""The skip network: sizes, options, published weight counts, and first weights."""

import inspect

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_dip.models.fused import write_statistics
from keras_dip.models.skip import build_skip, latent_size
from keras_dip.settings import resolve
from keras_dip.tasks import get

SMALL = {
    "input_channels": 4,
    "down_channels": (6, 8),
    "up_channels": (7, 5),
    "skip_channels": (3, 2),
}


def count(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("size", "channels"), [((8, 8), 3), ((9, 8), 1), ((31, 17), 5), ((32, 32), 1)]
)
def test_any_size(run_model_test, size, channels):
    run_model_test(build_skip, size, channels=channels, **SMALL)


@pytest.mark.parametrize(
    "option",
    [
        {"downsampling": "avg", "padding": "zero", "activation": "swish"},
        {"downsampling": "max", "upsampling": "nearest", "use_bias": False},
        {"downsampling": "lanczos2", "activation": "none", "skip_kernel_size": 3},
        {"downsampling": "lanczos3", "up_1x1": False, "sigmoid": False},
        {"downsampling": ("max", "stride"), "upsampling": ("nearest", "bilinear")},
        {"skip_channels": (0, 2), "down_kernel_size": 5, "up_kernel_size": (1, 3)},
        {"activation": "elu", "down_kernel_size": (5, 3), "up_kernel_size": 7},
    ],
    ids=str,
)
def test_any_option(run_model_test, option):
    # Each value once; what they do to single layers is looked at below.
    run_model_test(build_skip, (19, 26), **{**SMALL, **option})


def test_options_reach_their_layers():
    network = build_skip(
        (32, 32),
        **SMALL,
        downsampling=("max", "avg"),
        upsampling=("nearest", "bilinear"),
        down_kernel_size=(5, 3),
        up_kernel_size=(3, 7),
        skip_kernel_size=3,
        activation="swish",
    )

    def kernel(name):
        return network.get_layer(name).kernel.shape

    assert kernel("scale0_skip_conv") == (3, 3, 4, 3)
    assert kernel("scale0_down_conv") == (5, 5, 4, 6)
    assert kernel("scale0_refine_conv") == (5, 5, 6, 6)
    assert kernel("scale1_down_conv") == (3, 3, 6, 8)
    assert kernel("scale1_up_conv") == (7, 7, 2 + 8, 5)
    assert kernel("scale0_up_conv") == (3, 3, 3 + 5, 7)
    assert kernel("scale0_up1x1_conv") == (1, 1, 7, 7)
    assert kernel("output_conv") == (1, 1, 7, 3)
    assert network.get_layer("scale0_upsample").interpolation == "nearest"
    assert network.get_layer("scale1_upsample").interpolation == "bilinear"
    halving = layers_of(network, keras.layers.MaxPooling2D)
    assert [layer.name for layer in halving] == ["scale0_down_max"]
    halving = layers_of(network, keras.layers.AveragePooling2D)
    assert [layer.name for layer in halving] == ["scale1_down_avg"]
    # Nothing but the output is activated otherwise.
    kinds = {
        layer.get_config()["activation"]
        for layer in network.layers
        if isinstance(layer, keras.layers.Activation)
    }
    assert kinds == {"silu", "sigmoid"}


def test_the_skip_comes_before_what_is_upsampled():
    network = build_skip((32, 32), **SMALL)
    first, second = network.get_layer("scale0_concat").input
    assert (first.shape[-1], second.shape[-1]) == (3, 5)


def test_sigmoid_bounds_the_picture_and_its_absence_does_not():
    z = np.random.default_rng(0).normal(size=(1, 32, 32, 4)).astype("float32")
    bounded = build_skip((32, 32), **SMALL)
    free = build_skip((32, 32), **SMALL, sigmoid=False)
    logits = free(z, training=True)
    assert np.min(logits) < 0
    expected = keras.ops.sigmoid(logits)
    np.testing.assert_allclose(bounded(z, training=True), expected, atol=1e-6)


def test_biases_only_where_asked_for():
    def biases(network):
        return sum(
            layer.bias is not None for layer in layers_of(network, keras.layers.Conv2D)
        )

    assert biases(build_skip((16, 16), **SMALL)) == 11
    assert biases(build_skip((16, 16), **SMALL, use_bias=False)) == 0


def test_the_picture_is_the_middle_of_what_the_network_runs_on():
    whole = build_skip((32, 40), **SMALL)
    part = build_skip((29, 38), **SMALL)
    assert part.input_shape == whole.input_shape
    part.set_weights(whole.get_weights())
    z = np.random.default_rng(1).uniform(size=(1, 32, 40, 4)).astype("float32")
    expected = whole(z, training=True)[:, 1:30, 1:39]
    np.testing.assert_array_equal(part(z, training=True), expected)


def test_the_global_dtype_policy_is_followed():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = build_skip((16, 16), **SMALL)
    finally:
        keras.config.set_dtype_policy(before)
    assert network.get_layer("scale0_down_conv").compute_dtype == "bfloat16"
    assert network.output.dtype == "float32"


def test_five_scales_of_3x3_run_on_64_and_six_of_5x5_on_192():
    assert latent_size((8, 8), (3,) * 5, (3,) * 5) == (64, 64)
    assert latent_size((64, 65), (3,) * 5, (3,) * 5) == (64, 96)
    assert latent_size((8, 8), (5,) * 6, (3,) * 6) == (192, 192)
    assert latent_size((512, 193), (5,) * 6, (3,) * 6) == (512, 256)


@pytest.mark.parametrize(
    ("kernels", "least"),
    [((3,) * 5, 64), ((5,) * 6, 192)],
    ids=["five of 3x3", "six of 5x5"],
)
def test_the_smallest_pictures_of_the_published_nets(kernels, least):
    channels = (4,) * len(kernels)
    network = build_skip(
        (8, 9),
        input_channels=2,
        down_channels=channels,
        up_channels=channels,
        skip_channels=channels,
        down_kernel_size=kernels,
    )
    z = np.random.default_rng(1).uniform(size=(1, least, least, 2)).astype("float32")
    picture = network(z, training=True)
    assert picture.shape == (1, 8, 9, 3)
    # Two pixels or more on a side are left for the deepest statistics.
    assert (
        network.get_layer(f"scale{len(kernels) - 1}_refine_norm").output.shape[1] >= 2
    )
    write_statistics(network, z)
    np.testing.assert_allclose(network(z, training=False), picture, atol=1e-4)


@given(
    size=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    kernels=st.lists(
        st.tuples(st.sampled_from([1, 3, 5, 7]), st.sampled_from([1, 3, 5, 7])),
        min_size=1,
        max_size=6,
    ),
)
def test_latent_size_leaves_room_and_wastes_none(size, kernels):
    down, up = zip(*kernels, strict=True)
    scales = len(kernels)
    for side, ran_on in zip(size, latent_size(size, down, up), strict=True):
        assert ran_on >= side
        assert ran_on % 2**scales == 0
        # A reflection needs more pixels than it mirrors, at every scale.
        for i in range(scales):
            assert ran_on // 2**i > down[i] // 2
            assert ran_on // 2 ** (i + 1) > down[i] // 2
            assert ran_on // 2**i > up[i] // 2
        assert ran_on // 2**scales >= 2
        smaller = ran_on - 2**scales
        assert (
            smaller < side
            or smaller // 2**scales < 2
            or any(
                smaller // 2 ** (i + 1) <= down[i] // 2 or smaller // 2**i <= up[i] // 2
                for i in range(scales)
            )
        )


def published(task, preset, **changes):
    """Build the network of a task's preset as `DeepImagePrior` does."""
    chosen = resolve(task, preset)
    options = {"input_channels": chosen.latent_channels, **chosen.network_options}
    assert chosen.network == "skip"
    return build_skip((192, 192), **{**options, **changes})


DENOISE, INPAINT = get("denoise"), get("inpaint")
SUPER_RESOLVE = get("super_resolve")


@pytest.mark.parametrize(
    ("network", "weights"),
    [
        (lambda: build_skip((64, 64)), 2_217_831),
        (lambda: published(DENOISE(), "paper"), 2_217_831),
        (lambda: published(SUPER_RESOLVE(4), "paper"), 2_217_831),
        (lambda: published(INPAINT(), "paper-text"), 3_002_627),
        (lambda: published(INPAINT(), "paper-hole"), 2_157_955),
        (lambda: published(INPAINT(), "paper-large-hole"), 2_996_467),
        (lambda: published(INPAINT(), "paper-random", output_channels=1), 2_217_573),
        (
            lambda: build_skip(
                (64, 64),
                input_channels=3,
                down_channels=(8, 16, 32, 64, 128),
                up_channels=(8, 16, 32, 64, 128),
                skip_channels=(0, 0, 0, 4, 4),
            ),
            572_827,
        ),
        (
            lambda: build_skip(
                (64, 64),
                down_channels=(16, 32, 64, 128, 128),
                up_channels=(16, 32, 64, 128, 128),
                skip_channels=(0, 0, 0, 0, 0),
            ),
            1_027_379,
        ),
        (lambda: build_skip((64, 64), input_channels=3), 2_184_307),
    ],
    ids=[
        "default",
        "denoise",
        "super-resolve",
        "kate",
        "vase",
        "library",
        "grey, half missing",
        "snail (JPEG)",
        "kate, 98 % missing",
        "flash",
    ],
)
def test_weight_counts_of_the_published_nets(network, weights):
    assert count(network()) == weights


def test_the_default_net_has_26_convolutions_and_30_normalisations():
    network = build_skip((64, 64))
    assert len(layers_of(network, keras.layers.Conv2D)) == 26
    assert len(layers_of(network, keras.layers.BatchNormalization)) == 30


def test_first_weights_are_uniform_within_one_over_the_root_of_the_fan_in():
    network = build_skip(
        (64, 64),
        down_channels=(32, 48),
        up_channels=(32, 48),
        skip_channels=(4, 4),
        down_kernel_size=(3, 5),
    )
    seen = []
    for layer in layers_of(network, keras.layers.Conv2D):
        kernel = layer.kernel.numpy()
        bound = 1 / np.sqrt(np.prod(kernel.shape[:3]))
        for values in (kernel.ravel(), layer.bias.numpy()):
            assert np.abs(values).max() <= bound, layer.name
            seen.append(values / bound)
        if kernel.size > 1000:
            scaled = kernel / bound
            assert np.abs(scaled).max() > 0.99
            assert abs(scaled.mean()) < 0.1
            # The deviation of U(-1, 1).
            assert abs(scaled.std() - 1 / np.sqrt(3)) < 0.03
    # Kernels and biases are all drawn afresh: none begins as another does.
    assert len({round(float(values[0]), 6) for values in seen}) == len(seen)
    biases = np.concatenate(seen[1::2])
    assert np.abs(biases).max() > 0.95
    assert abs(biases.std() - 1 / np.sqrt(3)) < 0.06
    for layer in layers_of(network, keras.layers.BatchNormalization):
        np.testing.assert_array_equal(layer.gamma, 1)
        np.testing.assert_array_equal(layer.beta, 0)


def test_no_bias_leaves_the_kernels_within_their_bound():
    network = build_skip((16, 16), **SMALL, use_bias=False)
    for layer in layers_of(network, keras.layers.Conv2D):
        kernel = layer.kernel.numpy()
        assert np.abs(kernel).max() <= 1 / np.sqrt(np.prod(kernel.shape[:3]))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"up_channels": (7,)}, "Expected up_channels .* each of 2 scales"),
        ({"skip_channels": (1, 2, 3)}, r"Expected skip_channels .*\(1, 2, 3\)"),
        ({"down_kernel_size": 4}, "Expected down_kernel_size as odd.* Received: 4"),
        ({"up_kernel_size": (3, 0)}, r"Expected up_kernel_size as odd.*\(3, 0\)"),
        ({"skip_kernel_size": -1}, "Expected skip_kernel_size as odd.* Received: -1"),
        ({"down_kernel_size": (3, 3, 3)}, "Expected down_kernel_size as one value"),
        ({"upsampling": "cubic"}, "upsampling .*'nearest', 'bilinear'.*'cubic'"),
        ({"upsampling": ("nearest",)}, "Expected upsampling as one value"),
        ({"downsampling": ("avg", "sinc")}, "downsampling .*'stride'.*'sinc'"),
        ({"padding": "same"}, "padding .*'reflect', 'zero'.*'same'"),
        ({"activation": "tanh"}, "activation .*'leaky_relu'.*'tanh'"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_errors_say_what_was_expected(option, message):
    with pytest.raises(ValueError, match=message):
        build_skip((16, 16), **{**SMALL, **option})


def test_the_defaults_are_the_published_settings():
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(build_skip).parameters.items()
    }
    assert defaults["padding"] == "reflect"
    assert defaults["downsampling"] == "stride"
    assert defaults["upsampling"] == "bilinear"
    assert defaults["activation"] == "leaky_relu"
    assert defaults["sigmoid"] and defaults["up_1x1"] and defaults["use_bias"]
