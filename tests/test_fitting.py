"""The fit: its steps and calls, the jitter, the running average, Keras' callbacks."""

import csv
import gc
import weakref

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_dip import fitting
from keras_dip.fitting import PriorModel, forward_macs, step_counts
from keras_dip.models.fused import Adam
from keras_dip.models.skip import build_skip

SIZE = (12, 10)


def squared_error(x, observed):
    return keras.ops.mean(keras.ops.square(x - observed["picture"]))


@pytest.fixture
def make_model(tiny_network, scene):
    """Make a compiled model of a small fit; equal arguments make equal fits."""

    def make(*, rate=0.01, network=None, jit_compile=False, **options):
        network = network or tiny_network(*SIZE, options.pop("channels", 3))
        generator = np.random.default_rng(4)
        z = generator.uniform(0, 0.1, (1, *network.input_shape[1:])).astype("float32")
        picture = scene(*SIZE, network.output_shape[-1], noise=0.1)[np.newaxis]
        model = PriorModel(network, squared_error, z, {"picture": picture}, **options)
        optimizer = Adam(rate)
        optimizer.build(network.trainable_variables)
        model.compile(optimizer=optimizer, jit_compile=jit_compile)
        return model

    return make


def identity_network(channels=2):
    """Return a network whose picture is its input, at any learning rate of 0."""
    z = keras.Input((*SIZE, channels))
    same = keras.layers.Conv2D(channels, 1, kernel_initializer="identity")
    kernel = np.eye(channels, dtype="float32")[np.newaxis, np.newaxis]
    same.kernel_initializer = lambda shape, dtype=None: keras.ops.reshape(kernel, shape)
    return keras.Model(z, same(z))


class Watch(keras.callbacks.Callback):
    """Notes step and loss at each report, and the picture of z before each epoch."""

    def __init__(self):
        super().__init__()
        self.steps, self.losses, self.logged, self.pictures = [], [], [], []

    def on_epoch_begin(self, epoch, logs=None):
        picture = self.model(self.model.z, training=True)
        self.pictures.append(keras.ops.convert_to_numpy(picture))

    def on_epoch_end(self, epoch, logs=None):
        self.steps.append(self.model.step)
        self.losses.append(float(keras.ops.convert_to_numpy(self.model.last_loss)))
        self.logged.append(float(logs["loss"]))


@given(
    steps=st.integers(1, 2000),
    interval=st.integers(1, 120),
    per_call=st.integers(1, 150),
)
def test_calls_add_up_to_reports_and_reports_to_all_steps(steps, interval, per_call):
    per_call = min(per_call, interval)
    counts = step_counts(steps, interval, per_call)
    assert counts.dtype == "int32"
    assert counts.sum() == steps
    assert counts.min() >= 0
    assert counts.max() <= per_call
    reports = -(-steps // interval)
    assert counts.shape == (reports, -(-interval // per_call))
    assert (counts.sum(axis=1)[:-1] == interval).all()
    assert 1 <= counts[-1].sum() <= interval


def test_counts_by_hand():
    assert step_counts(5, 50, 50).tolist() == [[5]]
    assert step_counts(100, 50, 50).tolist() == [[50], [50]]
    expected = [[20, 20, 10], [20, 20, 10], [7, 0, 0]]
    assert step_counts(107, 50, 20).tolist() == expected


@pytest.mark.parametrize(
    ("steps", "interval", "reports"),
    [(1, 50, [1]), (7, 3, [3, 6, 7]), (6, 3, [3, 6]), (50, 50, [50])],
)
def test_every_report_comes_at_its_step(make_model, steps, interval, reports):
    model, watch = make_model(), Watch()
    model.take_steps(steps, [watch], interval)
    assert watch.steps == reports
    assert model.step == steps
    assert int(model.optimizer.iterations.numpy()) == steps
    np.testing.assert_allclose(watch.logged, watch.losses, rtol=1e-6)


def test_reports_come_at_the_same_steps_however_many_calls_they_take(
    make_model, monkeypatch
):
    one, several = make_model(), make_model()
    one.take_steps(11, interval=5)
    # Costly networks take few steps in a call, so that Ctrl-C is soon heard.
    macs = forward_macs(several.network)
    monkeypatch.setattr(fitting, "MACS_PER_CALL", {"cpu": 2.5 * macs, "gpu": 1e12})
    watch = Watch()
    several.take_steps(11, [watch], interval=5)
    assert watch.steps == [5, 10, 11]
    np.testing.assert_array_equal(one.averaged_output, several.averaged_output)


def test_multiply_adds_of_a_convolution():
    z = keras.Input((12, 10, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(z)
    network = keras.Model(z, keras.layers.Conv2D(2, 1)(x))
    assert forward_macs(network) == 6 * 5 * (3 * 3 * 3 * 4) + 6 * 5 * (4 * 2)


def test_multiply_adds_of_merged_upsampling_count_as_those_of_plain_layers():
    options = {
        "input_channels": 4,
        "down_channels": (6, 8),
        "up_channels": (7, 5),
        "skip_channels": (3, 2),
        "upsampling": "nearest",
    }
    plain = build_skip((16, 16), **options)
    merged = build_skip((16, 16), subpixel=True, **options)
    assert forward_macs(merged) >= 0.95 * forward_macs(plain)


def test_the_loss_falls_to_the_picture(make_model):
    model, watch = make_model(rate=0.02), Watch()
    model.take_steps(300, [watch], 50)
    assert watch.losses[-1] < 0.6 * watch.losses[0]
    assert watch.losses[-1] == min(watch.losses)
    observed = model.observed["picture"].numpy()
    assert np.mean((model.averaged_output - observed) ** 2) < 0.6 * watch.losses[0]


@pytest.mark.tensorflow
def test_a_step_is_the_gradient_followed_by_adam(make_model, tiny_network):
    import tensorflow as tf

    model, by_hand, optimizer = make_model(), tiny_network(*SIZE), Adam(0.01)
    z, observed = model.z.value, model.observed
    losses = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = squared_error(by_hand(z, training=True), observed)
        losses.append(float(loss))
        gradients = tape.gradient(loss, by_hand.trainable_weights)
        optimizer.apply(gradients, by_hand.trainable_weights)
    watch = Watch()
    model.take_steps(3, [watch], 1)
    np.testing.assert_allclose(watch.losses, losses, rtol=1e-5)
    pairs = zip(model.network.trainable_weights, by_hand.trainable_weights, strict=True)
    for ours, expected in pairs:
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("from_first", [False, True])
def test_the_running_average(make_model, decay, from_first):
    model, watch = make_model(average=decay, average_from_first=from_first), Watch()
    averages = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: averages.append(model.averaged_output)
    )
    model.take_steps(6, [watch, note], 1)
    average = watch.pictures[0] if from_first else np.zeros_like(watch.pictures[0])
    for t, (output, found) in enumerate(zip(watch.pictures, averages, strict=True), 1):
        average = decay * average + (1 - decay) * output
        # A start at zero is corrected for; a start at the first output is not.
        expected = average if from_first else average / (1 - decay**t)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    # The outputs differ, or the test would show nothing.
    assert np.abs(watch.pictures[0] - watch.pictures[-1]).max() > 1e-3


@pytest.mark.parametrize("decay", [0.3, 0.99])
def test_the_running_average_of_weights(make_model, decay):
    model = make_model(rate=0.02, weight_average=decay)
    expected = [weight.numpy() for weight in model.network.trainable_variables]
    seen = []

    class Recursion(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            t = model.step
            kept = min(decay, (1 + t) / (10 + t))
            for i, weight in enumerate(model.network.trainable_variables):
                expected[i] = kept * expected[i] + (1 - kept) * weight.numpy()
            seen.append(t)

    model.take_steps(8, [Recursion()], 1)
    assert seen == list(range(1, 9))
    candidate = model.candidate()
    assert candidate.step == 8
    assert candidate.average is None
    last = [weight.numpy() for weight in model.network.trainable_variables]
    for found, by_hand in zip(candidate.weights, expected, strict=True):
        np.testing.assert_allclose(found, by_hand, atol=1e-6)
    # They are behind the last ones, or the test would show nothing.
    pairs = zip(candidate.weights, last, strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) > 5e-3


def test_the_picture_is_what_averaged_weights_make_of_z(make_model, tiny_network):
    model = make_model(rate=0.02, weight_average=0.9, jitter=0.1, window=3)
    model.take_steps(6)
    before = [keras.ops.convert_to_numpy(v).copy() for v in model.variables]
    other = np.random.default_rng(1).uniform(size=model.z.shape).astype("float32")
    pictures = [model.picture(), model.picture(other)]
    after = [keras.ops.convert_to_numpy(v) for v in model.variables]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    averaged = tiny_network(*SIZE)
    variables = averaged.trainable_variables
    for variable, value in zip(variables, model.candidate().weights, strict=True):
        variable.assign(value)
    for z, picture in zip((model.z.numpy(), other), pictures, strict=True):
        expected = np.asarray(averaged(z, training=True))
        np.testing.assert_allclose(picture, expected, atol=1e-5)
    # Neither the last weights', nor with other statistics than those of this z.
    assert np.abs(model(model.z, training=True) - pictures[0]).max() > 1e-3
    assert np.abs(averaged(other, training=False) - pictures[1]).max() > 1e-3


def test_without_averaged_weights_the_picture_is_the_average_of_outputs(make_model):
    model = make_model(average=0.9)
    model.take_steps(5)
    np.testing.assert_array_equal(model.picture(), model.averaged_output)
    candidate = model.candidate()
    np.testing.assert_array_equal(candidate.average, model.averaged_output)
    pairs = zip(candidate.weights, model.network.trainable_variables, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_the_window_holds_the_recent_outputs(make_model):
    model, watch = make_model(rate=0.05, window=4), Watch()
    model.take_steps(10, [watch], 1)
    outputs = [p.reshape(-1)[model._sampled] for p in watch.pictures]
    assert model.recent.shape == (4, 12 * 10 * 3)
    for step in range(6, 10):
        np.testing.assert_allclose(
            model.recent.numpy()[step % 4], outputs[step], atol=1e-5
        )
    assert np.abs(outputs[9] - outputs[8]).max() > 1e-3


def test_recorrupted_pairs_add_and_take_away_the_same_noise(make_model):
    # The identity on z's first channels: the output is the picture that was seen.
    model = make_model(
        rate=0.0, network=identity_network(), recorruption=0.5, sigma=0.1
    )
    seen, observed = model._draw()
    added = np.array(seen - model.z.value)
    taken = np.array(observed["picture"] - model.observed["picture"].value)
    assert added.std() == pytest.approx(0.5 * 0.1, rel=0.15)
    np.testing.assert_allclose(taken, -added / 0.5**2, atol=1e-6)
    assert not np.array_equal(model._draw()[0], seen)


def test_jitter_is_drawn_afresh_with_its_deviation(make_model):
    model = make_model(rate=0.0, network=identity_network(), jitter=0.25)
    pictures = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: pictures.append(model.averaged_output)
    )
    model.take_steps(20, [note], 1)
    noise = np.stack(pictures) - model.z.numpy()
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(0.25, rel=0.05)
    flat = noise.reshape(20, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(20)).max() < 0.35


def test_no_jitter_leaves_z_alone(make_model):
    model = make_model(rate=0.0, network=identity_network())
    model.take_steps(3)
    np.testing.assert_allclose(model.averaged_output, model.z.numpy(), atol=1e-6)


@pytest.mark.parametrize("options", [{"jitter": 0.05, "average": 0.9}], ids=str)
def test_the_seed_decides_every_bit(make_model, options):
    def fit(seed):
        model = make_model(seed=seed, **options)
        model.take_steps(12, interval=5)
        return [keras.ops.convert_to_numpy(v) for v in model.state]

    first, again, other = fit(1), fit(1), fit(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_steps_add_up_over_several_calls(make_model):
    once, twice = make_model(average=0.9), make_model(average=0.9)
    once.take_steps(8)
    twice.take_steps(3)
    assert twice.step == 3
    twice.take_steps(5)
    assert twice.step == 8
    np.testing.assert_array_equal(once.averaged_output, twice.averaged_output)


def test_xla_gives_the_same_picture(make_model):
    plain, compiled = make_model(), make_model(jit_compile=True)
    plain.take_steps(4)
    compiled.take_steps(4)
    np.testing.assert_allclose(
        compiled.averaged_output, plain.averaged_output, atol=1e-3
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(make_model, tiny_network, policy):
    model = make_model(network=tiny_network(*SIZE, dtype=policy), rate=0.02)
    if policy == "mixed_float16":
        scaled = keras.optimizers.LossScaleOptimizer(Adam(0.02), initial_scale=1024.0)
        scaled.build(model.network.trainable_variables)
        model.compile(optimizer=scaled)
    watch = Watch()
    model.take_steps(60, [watch], 20)
    # The loss itself, not the one that was scaled up against underflow.
    assert watch.losses[-1] < watch.losses[0] < 1
    plain = make_model(rate=0.02)
    plain.take_steps(1)
    first_loss = float(plain.last_loss.numpy())
    assert watch.losses[0] < first_loss
    assert model.averaged_output.dtype == "float32"
    assert {v.dtype for v in model.network.weights} == {"float32"}


def test_callbacks_of_keras(make_model, tmp_path):
    model = make_model()
    history, table = keras.callbacks.History(), tmp_path / "fit.csv"
    callbacks = [
        history,
        keras.callbacks.CSVLogger(str(table)),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        keras.callbacks.ModelCheckpoint(
            str(tmp_path / "last.weights.h5"), save_weights_only=True
        ),
    ]
    model.take_steps(25, callbacks, 10)
    assert history.epoch == [0, 1, 2]
    losses = history.history["loss"]
    assert losses[0] > losses[1] > losses[2]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_allclose([float(row["loss"]) for row in rows], losses)
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.01 / 8)
    assert (tmp_path / "last.weights.h5").stat().st_size > 0


@pytest.mark.parametrize(("restore", "step"), [(False, 15), (True, 5)])
def test_early_stopping(make_model, restore, step):
    model = make_model(rate=0.0)
    stop = keras.callbacks.EarlyStopping(
        monitor="loss", min_delta=1e-9, patience=2, restore_best_weights=restore
    )
    model.take_steps(100, [stop], 5)
    # The first report is the best; two more show no gain.
    assert stop.stopped_epoch == 2
    # What is restored is all of the model: the step count and average as well.
    assert model.step == step


def test_nan_ends_the_fit_of_those_who_ask(make_model, monkeypatch):
    monkeypatch.setattr(PriorModel, "loops", True)  # as on a GPU, with JAX too
    model = make_model()
    poison = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: (
            epoch == 2 and model.network.get_layer("output").bias.assign([np.nan] * 3)
        )
    )
    model.take_steps(50, [poison, keras.callbacks.TerminateOnNaN()], 5)
    assert model.step == 15


def test_tensorboard(make_model, tmp_path):
    make_model().take_steps(6, [keras.callbacks.TensorBoard(str(tmp_path))], 3)
    assert list(tmp_path.rglob("events.out.*"))


def test_the_moving_statistics_are_left_to_the_end(make_model):
    model = make_model(weight_average=0.9)
    norm = model.network.get_layer("norm")
    before = [keras.ops.convert_to_numpy(v) for v in norm.non_trainable_variables]
    model.take_steps(2)
    model.picture()
    for old, variable in zip(before, norm.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), old)
    assert norm.momentum == 0.99


@pytest.mark.tensorflow
@pytest.mark.parametrize("optimizer", [Adam, keras.optimizers.SGD])
def test_nothing_of_a_fit_stays_in_memory(tiny_network, scene, optimizer):
    graphs = []

    def data_term(x, observed):
        graphs.append(weakref.ref(x.graph))
        return squared_error(x, observed)

    def fit():
        network, picture = tiny_network(*SIZE), scene(*SIZE, 3)[np.newaxis]
        z = np.zeros((1, *SIZE, 2), "float32")
        model = PriorModel(network, data_term, z, {"picture": picture})
        model.compile(optimizer=optimizer(0.01, name="one"), jit_compile=False)
        model.take_steps(1)

    fit()
    gc.collect()
    assert graphs and all(graph() is None for graph in graphs)
