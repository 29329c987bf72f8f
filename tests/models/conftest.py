"""What every network must do, written once."""

import keras
import numpy as np
import pytest

from keras_dip.models.fused import write_statistics


def weights_differ(first, second):
    """Tell for each trainable weight whether two networks differ in it."""
    pairs = zip(first.trainable_weights, second.trainable_weights, strict=True)
    return {
        a.path: not np.array_equal(a, b)
        for a, b in pairs
        if a.path.endswith(("kernel", "bias"))
    }


def check_gradients(network, z, gradients_of_weights):
    """Every weight takes part in the picture, so that nothing is left unfitted."""
    target = np.random.default_rng(6).uniform(size=(1, *network.output_shape[1:]))
    target = target.astype("float32")
    gradients = gradients_of_weights(
        network, lambda picture: keras.ops.square(picture - target), z
    )
    for weight, gradient in zip(network.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        if weight.path.endswith("kernel"):  # a bias before a normalisation has none
            assert np.abs(gradient).max() > 0, weight.path


@pytest.fixture
def run_model_test(tmp_path, gradients_of_weights):
    """Build a network, check what all networks must do, and return it with its z."""

    def run(build, image_size, *, channels=3, **options):
        options = {"output_channels": channels, **options}
        network = build(image_size, **options)
        z = np.random.default_rng(5).uniform(0, 0.1, (1, *network.input_shape[1:]))
        z = z.astype("float32")

        # A picture of the right size, float32, that depends on z and every weight.
        output = network(z, training=True)
        assert network.output_shape == (None, *image_size, channels)
        assert output.shape == (1, *image_size, channels)
        assert output.dtype == "float32"
        assert np.isfinite(output).all()
        assert np.ptp(output) > 0
        check_gradients(network, z, gradients_of_weights)

        # The seed, and nothing else, decides the weights.
        assert not any(weights_differ(network, build(image_size, **options)).values())
        other = build(image_size, **{**options, "seed": 1})
        assert all(weights_differ(network, other).values())

        # The file gives the same picture, moving statistics included.
        write_statistics(network, z)
        still = network(z, training=False)
        np.testing.assert_allclose(still, output, rtol=0, atol=1e-4)
        network.save(tmp_path / "network.keras")
        again = keras.models.load_model(tmp_path / "network.keras")
        np.testing.assert_array_equal(again(z, training=False), still)
        assert [type(x) for x in again.layers] == [type(x) for x in network.layers]

        # In mixed precision: float32 weights, nearly the same picture, in float32.
        mixed = build(image_size, **options, dtype="mixed_bfloat16")
        mixed.set_weights(network.get_weights())
        output = mixed(z, training=False)
        assert output.dtype == "float32"
        assert {w.dtype for w in mixed.weights} == {"float32"}
        assert "bfloat16" in {layer.compute_dtype for layer in mixed.layers}
        # A statistic of four pixels is no better than its 8 bits: hence the mean.
        # Without a sigmoid the picture is not between 0 and 1.
        error = np.abs(output - still).mean() / max(1, np.ptp(still))
        assert 0 < error < 0.05
        return network, z

    return run
