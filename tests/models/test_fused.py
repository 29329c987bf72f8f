"""Fused batch normalisation, frozen statistics, and Adam as PyTorch has it."""

import keras
import numpy as np
import pytest

from keras_dip.models import fused
from keras_dip.models.fused import (
    Adam,
    BatchNormalization,
    Conv2D,
    write_statistics,
)
from keras_dip.models.merge import NearestMergeConv2D


def draw(*shape, seed=0):
    values = np.random.default_rng(seed).normal(0.3, 2.0, shape)
    return (values * np.linspace(0.5, 2, shape[-1])).astype("float32")


@pytest.fixture(params=["tensorflow", "another backend"])
def any_backend(request, monkeypatch):
    """Run with the fused operations, and with what any backend has."""
    if request.param != "tensorflow":
        monkeypatch.setattr(fused, "_tensorflow", lambda: None)


def make_norm(kind, x, **options):
    """Return a built layer with a scale and an offset of its own per channel."""
    layer = kind(**options)
    layer.build(x.shape)
    for i, weight in enumerate((layer.gamma, layer.beta)):
        if weight is not None:
            weight.assign(draw(*weight.shape, seed=10 + i))
    return layer


@pytest.mark.parametrize("shape", [(1, 6, 5, 4), (3, 2, 2, 1), (1, 1, 2, 7)])
def test_training_gives_what_keras_gives(any_backend, shape):
    x = draw(*shape)
    ours = make_norm(BatchNormalization, x, momentum=0.9)
    theirs = make_norm(keras.layers.BatchNormalization, x, epsilon=1e-5, momentum=0.9)
    for _ in range(3):
        np.testing.assert_allclose(
            ours(x, training=True), theirs(x, training=True), rtol=1e-4, atol=1e-4
        )
    # Biased variance in the moving statistics too.
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=1e-5)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


@pytest.mark.tensorflow
def test_gradients_are_those_of_keras():
    import tensorflow as tf

    x = tf.Variable(draw(1, 6, 5, 4))
    target = draw(1, 6, 5, 4, seed=1)
    gradients = []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        layer = make_norm(kind, x, epsilon=1e-5)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x, training=True) - target))
        weights = [x, layer.gamma.value, layer.beta.value]
        gradients.append(tape.gradient(loss, weights))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.tensorflow
def test_one_operation_does_it():
    import tensorflow as tf

    x = draw(1, 6, 5, 4)
    layer = make_norm(BatchNormalization, x)
    traced = tf.function(lambda: layer(x, training=True)).get_concrete_function()
    kinds = {operation.type for operation in traced.graph.get_operations()}
    assert "FusedBatchNormV3" in kinds


def test_epsilon_is_pytorchs_and_counts():
    x = np.full((1, 4, 4, 2), 0.5, "float32")
    x[0, 0, 0] = 0.51
    ours = BatchNormalization()(x, training=True)
    expected = (x - x.mean(axis=(0, 1, 2))) / np.sqrt(x.var(axis=(0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(ours, expected, rtol=1e-3)
    assert not np.allclose(
        expected, keras.layers.BatchNormalization()(x, training=True)
    )


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 6, 5, 4), {"scale": False}),
        ((1, 6, 5, 4), {"center": False}),
        ((1, 6, 5, 4), {"axis": 1}),
        ((8, 3), {}),
        ((2, 6, 3), {}),
    ],
    ids=str,
)
def test_what_the_operation_cannot_do_is_left_to_keras(shape, options):
    x = draw(*shape)
    ours = make_norm(BatchNormalization, x, **options)
    theirs = make_norm(keras.layers.BatchNormalization, x, epsilon=1e-5, **options)
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True))


@pytest.mark.parametrize("channels", [4, 16])
def test_a_low_precision_input_stays_low_and_the_statistics_high(channels):
    x = draw(1, 16, 16, channels)
    layer = make_norm(BatchNormalization, x, dtype="mixed_bfloat16", momentum=0.0)
    output = layer(x, training=True)
    assert output.dtype == "bfloat16"
    exact = make_norm(BatchNormalization, x, momentum=0.0)(x, training=True)
    output = keras.ops.convert_to_numpy(keras.ops.cast(output, "float32"))
    np.testing.assert_allclose(output, exact, atol=0.2)
    assert layer.moving_variance.dtype == "float32"
    np.testing.assert_allclose(layer.moving_mean, x.mean(axis=(0, 1, 2)), atol=0.02)


@pytest.mark.tensorflow
@pytest.mark.parametrize(("channels", "dtype"), [(8, "float32"), (16, "bfloat16")])
def test_odd_numbers_of_channels_are_normalised_in_float32(channels, dtype):
    import tensorflow as tf

    layer = BatchNormalization(dtype="mixed_bfloat16")
    traced = tf.function(lambda x: layer(x, training=True)).get_concrete_function(
        tf.TensorSpec((1, 8, 8, channels), "bfloat16")
    )
    operations = traced.graph.get_operations()
    fused_norm = next(o for o in operations if o.type == "FusedBatchNormV3")
    assert fused_norm.inputs[0].dtype == dtype


@pytest.mark.parametrize("shape", [(1, 2, 2, 4), (2, 3, 5, 8), (1, 4, 1, 12)])
def test_blocks_of_channels_side_by_side(any_backend, shape):
    n, height, width, channels = shape
    c = channels // 4
    x = draw(*shape)
    expected = np.zeros((n, 2 * height, 2 * width, c), "float32")
    for p in range(2):
        for q in range(2):
            block = 2 * p + q
            expected[:, p::2, q::2] = x[..., block * c : (block + 1) * c]
    found = keras.ops.convert_to_numpy(fused.inner_depth_to_space(x))
    np.testing.assert_array_equal(found, expected[:, 1:-1, 1:-1])


def network_of_norms(nested):
    norm = keras.layers.BatchNormalization if nested else BatchNormalization
    z = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(z)
    x = norm(momentum=0.7)(x)
    x = keras.layers.LeakyReLU(0.2)(x)
    if nested:
        inner = keras.Input((8, 6, 4))
        x = keras.Model(inner, BatchNormalization(name="inner")(inner))(x)
    x = keras.layers.Conv2D(2, 1)(x)
    return keras.Model(z, BatchNormalization(name="last")(x))


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested, Keras' own"])
def test_written_statistics_make_inference_the_training_picture(nested):
    network, z = network_of_norms(nested), draw(1, 8, 6, 3)
    network(draw(1, 8, 6, 3, seed=9) + 4, training=True)
    training = network(z, training=True)
    before = keras.ops.convert_to_numpy(network(z, training=False))
    assert np.abs(before - training).max() > 0.1
    write_statistics(network, z)
    np.testing.assert_allclose(network(z, training=False), training, atol=1e-4)
    # The momentum is what it was.
    assert network.get_layer("last").momentum == 0.99
    norms = [x for x in network.layers if hasattr(x, "momentum")]
    assert norms[0].momentum == 0.7


def test_the_momentum_comes_back_after_an_error():
    network = network_of_norms(False)
    with pytest.raises(Exception, match="shape"):
        write_statistics(network, draw(1, 8, 6, 5))
    assert network.get_layer("last").momentum == 0.99


def adam_of_pytorch(weight, gradients, rate, betas, epsilon):
    """Return the weight after each step: Kingma and Ba, 2015, algorithm 1."""
    weight, m, v, path = weight.astype("float64"), 0.0, 0.0, []
    for t, gradient in enumerate(np.asarray(gradients, "float64"), start=1):
        m = betas[0] * m + (1 - betas[0]) * gradient
        v = betas[1] * v + (1 - betas[1]) * gradient**2
        corrected = v / (1 - betas[1] ** t)
        weight = weight - rate * (m / (1 - betas[0] ** t)) / (
            np.sqrt(corrected) + epsilon
        )
        path.append(weight)
    return np.array(path)


def steps_of(optimizer, weight, gradients):
    variable = keras.Variable(weight)
    path = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        path.append(variable.numpy())
    return np.array(path)


# Gradients around epsilon show where epsilon is added.
@pytest.mark.parametrize("size_of_gradients", [1.0, 1e-4, 1e-7])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.8, 0.99)])
def test_adam_is_pytorchs(any_backend, size_of_gradients, betas):
    generator = np.random.default_rng(4)
    weight = generator.normal(size=(3, 5)).astype("float32")
    gradients = generator.normal(size=(6, 3, 5)).astype("float32") * size_of_gradients
    expected = adam_of_pytorch(weight, gradients, 0.01, betas, 1e-8)
    ours = steps_of(Adam(0.01, beta_1=betas[0], beta_2=betas[1]), weight, gradients)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=2e-6)


def test_keras_own_adam_would_not_pass():
    gradients = np.full((3, 1), 1e-7, "float32")
    weight = np.zeros(1, "float32")
    expected = adam_of_pytorch(weight, gradients, 0.01, (0.9, 0.999), 1e-8)
    keras_own = keras.optimizers.Adam(0.01, epsilon=1e-8)
    assert np.abs(steps_of(keras_own, weight, gradients) - expected).max() > 1e-3


@pytest.mark.tensorflow
def test_adam_follows_a_schedule_in_a_graph():
    import tensorflow as tf

    rates = [0.1, 0.05, 0.0]
    schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 2, 0.0)
    optimizer, variable = Adam(schedule), keras.Variable(np.zeros(2, "float32"))
    optimizer.build([variable])

    @tf.function
    def step():
        optimizer.apply([tf.ones(2)], [variable])

    path = [0.0]
    for _ in rates:
        step()
        path.append(float(variable.numpy()[0]))
    # With equal gradients every step of Adam is the learning rate.
    np.testing.assert_allclose(-np.diff(path), rates, atol=1e-6)


def test_adam_survives_saving():
    optimizer = Adam(0.02, beta_2=0.99)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, Adam)
    assert again.get_config() == optimizer.get_config()
    assert again.epsilon == 1e-8


def test_amsgrad_is_refused():
    with pytest.raises(ValueError, match=r"without amsgrad. Received: amsgrad=True"):
        Adam(amsgrad=True)


@pytest.fixture
def slow_machine(monkeypatch):
    """Make every convolution wide, and the machine one that needs help with them."""
    monkeypatch.setattr(fused, "WIDE", 1)
    monkeypatch.setattr(fused, "wide_convolutions_are_slow", lambda: True)


def convolution_and_gradients(function, x, kernel, seed=2):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        output = function(x, kernel)
        weighed = tf.reduce_sum(output * draw(*output.shape, seed=seed))
    return [output, *tape.gradient(weighed, [x, kernel])]


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("shape", "kernel"),
    [
        ((1, 9, 8, 5), (3, 3, 5, 4)),
        ((2, 6, 7, 3), (2, 2, 3, 8)),
        ((1, 7, 6, 2), (5, 3, 2, 3)),
        ((1, 3, 3, 4), (3, 3, 4, 6)),
    ],
)
@pytest.mark.parametrize("in_graph", [False, True])
def test_wide_convolution_is_a_convolution(slow_machine, shape, kernel, in_graph):
    import tensorflow as tf

    x, kernel = tf.constant(draw(*shape)), tf.constant(draw(*kernel, seed=1))

    def ours(x, kernel):
        return fused.convolve(x, kernel, training=True)

    def theirs(x, kernel):
        return tf.nn.conv2d(x, kernel, 1, "VALID")

    results = [
        convolution_and_gradients(tf.function(f) if in_graph else f, x, kernel)
        for f in (ours, theirs)
    ]
    for mine, expected in zip(*results, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-5 * scale)


def operations(function, *arguments):
    import tensorflow as tf

    graph = tf.function(function).get_concrete_function(*arguments).graph
    return {operation.type for operation in graph.get_operations()}


@pytest.mark.tensorflow
def test_what_is_exported_is_a_plain_convolution(slow_machine):
    import tensorflow as tf

    x = tf.constant(draw(1, 9, 8, 5))
    layer = Conv2D(4, 3)
    assert "Conv2DBackpropInput" in operations(lambda x: layer(x, training=True), x)
    found = operations(lambda x: layer(x, training=False), x)
    assert "Conv2D" in found
    assert "Conv2DBackpropInput" not in found


@pytest.mark.parametrize(
    "options",
    [{}, {"strides": 2}, {"use_bias": False}, {"activation": "relu"}],
    ids=str,
)
def test_layer_is_that_of_keras(slow_machine, options):
    x = draw(1, 9, 8, 5)
    layers = [kind(4, 3, **options) for kind in (Conv2D, keras.layers.Conv2D)]
    for layer in layers:
        layer.build(x.shape)
        for weight in layer.weights:
            weight.assign(draw(*weight.shape, seed=3))
    ours, theirs = (np.asarray(layer(x)) for layer in layers)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("is_x86", "flags", "onednn", "slow"),
    [
        (True, {"avx2"}, "1", True),
        (True, set(), "1", True),
        (True, {"avx2", "avx512f"}, "1", False),
        (True, {"avx2"}, "0", False),
        (False, set(), "1", False),
    ],
)
def test_help_is_for_onednn_without_avx512(monkeypatch, is_x86, flags, onednn, slow):
    monkeypatch.setattr(fused, "is_x86", lambda: is_x86)
    monkeypatch.setattr(fused, "cpu_flags", lambda: frozenset(flags))
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", onednn)
    assert fused.wide_convolutions_are_slow() is slow


@pytest.mark.tensorflow
def test_beside_a_gpu_nothing_is_known(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(fused, "is_x86", lambda: True)
    monkeypatch.setattr(fused, "cpu_flags", frozenset)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert fused.wide_convolutions_are_slow() is False


@pytest.mark.tensorflow
@pytest.mark.parametrize("training", [True, False])
def test_a_merge_is_helped_in_training_and_exported_plain(slow_machine, training):
    import tensorflow as tf

    layer = NearestMergeConv2D(4)
    skip, deep = tf.constant(draw(1, 8, 6, 2)), tf.constant(draw(1, 4, 3, 5))
    found = operations(lambda a, b: layer([a, b], training=training), skip, deep)
    assert ("Conv2DBackpropInput" in found) is training


@pytest.mark.tensorflow
@pytest.mark.parametrize(("dtype", "error"), [("bfloat16", 0.02), ("float16", 0.003)])
def test_wide_convolution_in_low_precision(slow_machine, dtype, error):
    import tensorflow as tf

    x, kernel = (
        tf.cast(draw(*shape, seed=i), dtype)
        for i, shape in enumerate([(1, 9, 8, 5), (3, 3, 5, 4)])
    )
    ours = tf.cast(fused.convolve(x, kernel, training=True), "float32")
    theirs = tf.nn.conv2d(*(tf.cast(v, "float32") for v in (x, kernel)), 1, "VALID")
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=error * scale)
