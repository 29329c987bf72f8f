"""Deep Decoder and ConvDecoder: a small z, doubled until it is a picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_dip.models.conv_decoder import build_conv_decoder
from keras_dip.models.decoder import fitting_doublings, latent_size
from keras_dip.models.deep_decoder import build_deep_decoder

SMALL = {"input_channels": 4, "layer_channels": (6, 7, 8)}
BUILDERS = [build_deep_decoder, build_conv_decoder]


def test_the_deep_decoder_has_the_weights_of_its_paper():
    network = build_deep_decoder((512, 512))
    assert network.input_shape == (None, 16, 16, 128)
    # d k^2 + 2 d k + 3 k, for d layers of k channels (Heckel and Hand, section 2).
    d, k = 6, 128
    count = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert count == d * k**2 + 2 * d * k + 3 * k == 100_224


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(("size", "channels"), [((37, 50), 3), ((16, 9), 1)])
def test_any_size(run_model_test, build, size, channels):
    run_model_test(build, size, channels=channels, **SMALL)


@pytest.mark.parametrize(
    ("build", "option"),
    [
        (build_deep_decoder, {"upsampling": "nearest", "doublings": 2}),
        (build_conv_decoder, {"upsampling": "bilinear", "padding": "reflect"}),
        (build_conv_decoder, {"sigmoid": False, "doublings": 0}),
    ],
)
def test_any_option(run_model_test, build, option):
    run_model_test(build, (19, 26), **SMALL, **option)


def test_a_deep_decoder_is_what_its_equation_says():
    """B' = cn(relu(U B C)), and a sigmoid of what the last layer mixes."""
    network = build_deep_decoder(
        (8, 6), **{**SMALL, "layer_channels": (6, 7)}, doublings=1
    )
    z = np.random.default_rng(0).normal(size=(1, 4, 3, 4)).astype("float32")
    up = [bilinear_matrix(4), bilinear_matrix(3)]
    x = np.einsum("ih,jw,nhwc->nijc", *up, z)  # U before C: they commute
    for i in range(2):
        x = np.maximum(x @ network.get_layer(f"layer{i}_conv").kernel.numpy()[0, 0], 0)
        x = (x - x.mean((1, 2))) / np.sqrt(x.var((1, 2)) + 1e-5)
    x = x @ network.get_layer("output_conv").kernel.numpy()[0, 0]
    np.testing.assert_allclose(
        network(z, training=True), 1 / (1 + np.exp(-x)), atol=1e-5
    )


def bilinear_matrix(side):
    """Return what doubles a side: 3/4 of the pixel and 1/4 of the nearer neighbour."""
    matrix = np.zeros((2 * side, side))
    for i in range(side):
        for row, other in ((2 * i, i - 1), (2 * i + 1, i + 1)):
            matrix[row, i] += 0.75
            matrix[row, min(max(other, 0), side - 1)] += 0.25
    return matrix


@given(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), st.integers(0, 6))
def test_z_covers_the_picture_and_is_small(size, most):
    doublings = fitting_doublings(size, most)
    z = latent_size(size, doublings)
    for small, side in zip(z, size, strict=True):
        assert small * 2**doublings >= side
        assert small == 2 or (small - 1) * 2**doublings < side
    assert doublings == most or min(size) < 8 * 2 ** (doublings + 1)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"doublings": 3}, "doublings from 0 to 2, .*Received: 3"),
        ({"doublings": -1}, "doublings from 0 to 2, .*Received: -1"),
        ({"upsampling": "cubic"}, "upsampling .*Received: 'cubic'"),
        ({"layer_channels": ()}, "layer_channels of 1 or more layers. Received: none"),
    ],
    ids=str,
)
def test_options_that_are_off(build, option, message):
    with pytest.raises(ValueError, match=message):
        build((16, 16), **{**SMALL, **option})
