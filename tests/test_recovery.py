"""A fit that falls apart goes back, weights and moments, and tries again."""

import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, fitting
from keras_dip.fitting import PriorModel, forward_macs
from keras_dip.models.fused import Adam
from keras_dip.recovery import ATTEMPTS, DROP, FORGIVEN_AFTER, Recovery

SIZE = (12, 10)


class Poison(keras.callbacks.Callback):
    """Spoils the biases of the output after the given reports."""

    def __init__(self, reports, value=np.nan, *, at_batch_end=False):
        super().__init__()
        self.reports, self.value, self.at_batch_end = reports, value, at_batch_end
        self.done = []
        self.epoch = 0

    def spoil(self):
        if self.epoch in self.reports and self.epoch not in self.done:
            self.done.append(self.epoch)
            bias = self.model.network.get_layer("output").bias
            bias.assign(np.full(bias.shape, self.value))

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.at_batch_end:
            self.spoil()

    def on_epoch_end(self, epoch, logs=None):
        if not self.at_batch_end:
            self.spoil()


class Snapshots(keras.callbacks.Callback):
    """Keeps the state after each report, and the losses that were logged."""

    def __init__(self):
        super().__init__()
        self.states, self.steps, self.losses = [], [], []

    def on_epoch_end(self, epoch, logs=None):
        values = [keras.ops.convert_to_numpy(v).copy() for v in self.model.state]
        self.states.append(values)
        self.steps.append(self.model.step)
        self.losses.append(logs["loss"])


@pytest.fixture
def make_model(tiny_network, scene):
    def make(rate=0.01):
        network = tiny_network(*SIZE)
        z = np.random.default_rng(4).uniform(0, 0.1, (1, *SIZE, 2))
        picture = scene(*SIZE, 3, noise=0.1)[np.newaxis]

        def loss(x, observed):
            return keras.ops.mean(keras.ops.square(x - observed["picture"]))

        model = PriorModel(network, loss, z, {"picture": picture}, average=0.9)
        optimizer = Adam(rate)
        optimizer.build(network.trainable_variables)
        model.compile(optimizer=optimizer, jit_compile=False)
        return model

    return make


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_good_fit_is_left_alone(make_model):
    plain, watched = make_model(), make_model()
    plain.take_steps(12, interval=3)
    recovery = Recovery()
    assert not recovery.has_picture
    watched.take_steps(12, [recovery], interval=3)
    assert recovery.has_picture
    assert (recovery.returns, recovery.taken, recovery.gave_up) == (0, 12, False)
    np.testing.assert_array_equal(plain.averaged_output, watched.averaged_output)


def test_nan_goes_back_to_the_last_good_report(make_model):
    model, recovery, seen = make_model(), Recovery(), Snapshots()
    model.take_steps(20, [recovery, seen, Poison([1])], interval=5)
    assert (recovery.returns, recovery.taken, recovery.gave_up) == (1, 20, False)
    # The third report shows the state of the second: weights, moments of Adam, its
    # iteration, the average and the step count.
    assert seen.steps == [5, 10, 10, 15]
    assert same(seen.states[1], seen.states[2])
    assert len(seen.states[1]) > 3 * len(model.network.trainable_variables)
    assert not same(seen.states[2], seen.states[3])
    assert seen.losses[2] == seen.losses[1]
    assert all(np.isfinite(value).all() for value in seen.states[3])
    assert np.isfinite(model.averaged_output).all()
    assert int(model.optimizer.iterations.numpy()) == 15


def test_the_optimisers_moments_go_back(make_model):
    model, recovery = make_model(), Recovery()
    model.take_steps(5, [recovery])
    moments = {v.path: v.numpy() for v in model.optimizer.variables}
    assert any("momentum" in path for path in moments)
    assert any("velocity" in path for path in moments)
    for variable in model.optimizer.variables:
        variable.assign(variable + 3)
    model.last_loss.assign(np.nan)
    assert recovery.settle()
    for variable in model.optimizer.variables:
        np.testing.assert_array_equal(variable.numpy(), moments[variable.path])


@pytest.mark.parametrize(
    ("decibels", "goes_back"), [(-20, False), (0, False), (4.9, False), (5.1, True)]
)
def test_a_data_term_that_falls_by_five_decibels(make_model, decibels, goes_back):
    assert DROP == 5
    model, recovery = make_model(), Recovery()
    model.take_steps(5, [recovery])
    good = float(model.last_loss.numpy())
    model.last_loss.assign(good * 10 ** (decibels / 10))
    assert recovery.settle() is goes_back


def test_the_drop_is_measured_from_the_last_good_report(make_model):
    model, recovery = make_model(), Recovery()
    model.take_steps(5, [recovery])
    good = float(model.last_loss.numpy())
    for decibels in (4, 8, 12):  # never 5 at once
        model.last_loss.assign(good * 10 ** (decibels / 10))
        assert not recovery.settle()


def test_a_saturated_output_is_a_drop(make_model):
    # Finite, but white for good: the gradient of the sigmoid is zero there.
    model, recovery, seen = make_model(), Recovery(), Snapshots()
    model.take_steps(20, [recovery, seen, Poison([1], 60.0)], interval=5)
    assert (recovery.returns, recovery.taken, model.step) == (1, 20, 15)
    assert seen.losses[3] < 2 * seen.losses[1]


def test_noise_on_a_perfect_fit_is_no_drop(make_model):
    model, recovery = make_model(), Recovery()
    model.take_steps(1, [recovery])
    model.last_loss.assign(1e-15)
    assert not recovery.settle()
    model.last_loss.assign(1e-13)
    assert not recovery.settle()


def test_weights_ruined_by_the_last_update_are_not_a_good_state(make_model):
    # The loss is that of the weights before the update: it looks good once more.
    model, recovery, seen = make_model(), Recovery(), Snapshots()
    poison = Poison([2], at_batch_end=True)
    model.take_steps(25, [poison, recovery, seen], interval=5)
    assert poison.done == [2]
    assert (recovery.returns, recovery.gave_up) == (1, False)
    assert all(np.isfinite(value).all() for value in recovery._good_state)
    assert np.isfinite(seen.losses).all()
    assert model.step == 20


def test_too_many_failures_stop_the_fit(make_model):
    model, recovery, seen = make_model(), Recovery(), Snapshots()
    model.take_steps(100, [recovery, seen, Poison(range(1, 20))], interval=5)
    assert recovery.gave_up
    assert recovery.returns == ATTEMPTS + 1
    assert len(seen.steps) == 2 + ATTEMPTS + 1
    assert model.step == 10
    assert recovery.taken == 10 + 5 * (ATTEMPTS + 1)
    assert same(seen.states[-1], seen.states[1])


@pytest.mark.parametrize(("good_reports", "gave_up"), [(9, True), (10, False)])
def test_earlier_returns_are_forgiven_after_ten_good_reports(
    make_model, good_reports, gave_up
):
    assert (ATTEMPTS, FORGIVEN_AFTER) == (3, 10)
    first = range(1, 1 + ATTEMPTS)  # these spoil reports 2, 3 and 4
    again = range(4 + good_reports, 4 + good_reports + ATTEMPTS)
    model, recovery = make_model(), Recovery()
    model.take_steps(50, [recovery, Poison([*first, *again])], interval=2)
    assert recovery.gave_up is gave_up
    if not gave_up:
        assert recovery.taken == 50
        assert model.step == 50 - 2 * 2 * ATTEMPTS


def test_before_the_first_report_the_last_finite_state_is_kept(make_model, monkeypatch):
    monkeypatch.setattr(PriorModel, "loops", True)  # as on a GPU, with JAX too
    model = make_model()
    macs = forward_macs(model.network)
    monkeypatch.setattr(fitting, "MACS_PER_CALL", {"cpu": 2.5 * macs, "gpu": 2.5})
    states = {}

    class PoisonSecondCall(Poison):
        def on_train_batch_end(self, batch, logs=None):
            states.setdefault(
                self.model.step,
                [keras.ops.convert_to_numpy(v).copy() for v in self.model.state],
            )
            if batch == 1:
                self.spoil()

    recovery, seen = Recovery(), Snapshots()
    poison = PoisonSecondCall([0])
    model.take_steps(20, [recovery, seen, poison], interval=10)
    assert poison.done == [0]
    assert (recovery.returns, recovery.taken, recovery.gave_up) == (1, 20, False)
    assert seen.steps == [4, 14]
    assert same(seen.states[0], states[4])
    assert np.isfinite(seen.losses).all()


def test_there_is_nothing_to_go_back_to(make_model):
    model, recovery = make_model(), Recovery()
    model.network.get_layer("output").bias.assign([np.nan] * 3)
    model.take_steps(100, [recovery], interval=5)
    assert recovery.gave_up
    assert not recovery.has_picture
    assert (recovery.taken, model.step) == (5 * (ATTEMPTS + 1), 0)


@pytest.fixture
def restore(tiny_network, scene):
    def run(callback, steps=150, **changes):
        prior = DeepImagePrior(
            network=tiny_network(*SIZE),
            steps=steps,
            callbacks=[callback],
            **{"preset": "paper", **changes},
        )
        return prior.fit(scene(*SIZE, 3, noise=0.1))

    return run


def test_a_restoration_survives_one_failure(restore):
    restoration = restore(Poison([2]))
    assert restoration.stopped_by == "steps"
    assert (restoration.steps, restoration.best_step) == (150, 125)
    assert np.isfinite(restoration.image).all()
    assert np.isfinite(restoration.history["loss"]).all()
    assert restoration.history["step"].tolist() == [25, 50, 75, 75, 100, 125]


@pytest.mark.parametrize("preset", ["paper", "fast"])
def test_a_failure_before_the_first_report_is_survived(
    restore, tiny_network, preset, monkeypatch
):
    monkeypatch.setattr(PriorModel, "loops", True)  # as on a GPU, with JAX too
    macs = forward_macs(tiny_network(*SIZE))
    monkeypatch.setattr(fitting, "MACS_PER_CALL", {"cpu": 7.5 * macs, "gpu": 7.5})
    poison = Poison([0], at_batch_end=True)
    restoration = restore(poison, preset=preset, steps=60, latent="noise")
    assert poison.done == [0]
    assert restoration.stopped_by == "steps"
    assert restoration.steps == 60
    # Of the 25 steps of the first report the first call remains.
    assert restoration.best_step == 7 + 35
    assert np.isfinite(restoration.image).all()
    losses = restoration.history["loss"]
    assert losses[-1] < losses[0]


def test_a_hopeless_fit_ends_with_its_best_picture_and_a_warning(restore):
    with pytest.warns(RuntimeWarning, match="fell apart 4 times; step 50 is kept"):
        restoration = restore(Poison(range(1, 99)), steps=1000)
    assert restoration.stopped_by == "diverged"
    assert "4 times" in restoration.stop_reason
    assert (restoration.steps, restoration.best_step) == (150, 50)
    assert np.isfinite(restoration.image).all()
    assert np.ptp(restoration.image) > 0


def test_a_failure_between_two_reports_is_undone(restore):
    class PoisonAndInterrupt(Poison):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if self.done:
                raise KeyboardInterrupt

    restoration = restore(PoisonAndInterrupt([3], at_batch_end=True))
    assert restoration.stopped_by == "interrupt"
    assert restoration.best_step == 75
    assert np.isfinite(restoration.image).all()


def test_no_finite_loss_at_all_is_an_error(tiny_network, scene):
    from keras_dip.errors import FitError

    network = tiny_network(*SIZE)
    network.get_layer("output").bias.assign([np.nan] * 3)
    prior = DeepImagePrior(network=network, preset="paper", steps=60)
    with pytest.raises(
        FitError, match=r"not a finite number from the first .* smaller learning_ra"
    ):
        prior.fit(scene(*SIZE, 3))
    assert prior.restoration is None
