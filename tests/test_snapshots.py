"""Iterates that are kept on the way, for who would have chosen another."""

from itertools import pairwise

import keras
import numpy as np
import onnxruntime
import pytest

from keras_dip import DeepImagePrior, Denoise
from keras_dip.fitting import REPORT_INTERVAL
from keras_dip.onnx_io.regenerate import info
from keras_dip.snapshots import of_all, snapshot_steps
from keras_dip.stopping import Fission

SIZE = (12, 10)


def test_steps_are_spaced_by_their_logarithm_from_the_first_report_to_the_last():
    steps = snapshot_steps(9, 6400)
    assert steps == [25, 50, 100, 200, 400, 800, 1600, 3200, 6400]
    assert snapshot_steps(3, 500) == [25, 100, 500]


@pytest.mark.parametrize(
    ("count", "planned", "expected"),
    [
        (1, 500, [500]),
        (2, 500, [25, 500]),
        (3, 40, [25, 40]),
        (5, 10, [10]),
        (2, 260, [25, 260]),  # the last report comes early
        (50, 100, [25, 50, 75, 100]),
    ],
)
def test_steps_are_those_of_reports(count, planned, expected):
    steps = snapshot_steps(count, planned)
    assert steps == expected
    assert all(s % REPORT_INTERVAL == 0 or s == planned for s in steps)


class Watch(keras.callbacks.Callback):
    """Notes candidates at reports."""

    def __init__(self):
        super().__init__()
        self.candidates = {}

    def on_epoch_end(self, epoch, logs=None):
        self.candidates[self.model.step] = self.model.candidate()


def fit(tiny_network, img, watch=None, **options):
    prior = DeepImagePrior(
        Denoise(sigma=0.1),
        network=tiny_network(*SIZE, img.shape[2] if img.ndim == 3 else 1),
        latent="noise",
        callbacks=[watch] if watch else [],
        **options,
    )
    return prior.fit(img)


@pytest.fixture(scope="module")
def watch():
    return Watch()


@pytest.fixture(scope="module")
def restoration(tiny_network, scene, watch):
    """A fit of 200 steps at most that is best at step 50."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fission, "measure", lambda self: abs(self.model.step - 50) / 1e3)
        img = scene(*SIZE, 3, noise=0.1)
        return fit(
            tiny_network, img, watch, steps=200, stop="fission", snapshots=3, seed=2
        )


def picture_of(restoration, candidate):
    network = keras.models.clone_model(restoration.source.network)
    for variable, value in zip(
        network.trainable_variables, candidate.weights, strict=True
    ):
        variable.assign(value)
    output = network(restoration.z, training=True)
    return np.asarray(restoration.source.finish(output))[0].clip(0, 1)


def test_the_chosen_and_the_last_are_among_the_snapshots(restoration):
    # The rule's patience ends the fit before the last planned step.
    assert (restoration.best_step, restoration.steps) == (50, 125)
    assert list(restoration.snapshots) == [25, 50, 75, 125]


def test_each_tells_what_the_rule_measured(restoration):
    found = {step: kept.criterion for step, kept in restoration.snapshots.items()}
    assert found == {25: 0.025, 50: 0, 75: 0.025, 125: 0.075}


def test_the_restoration_at_a_step_has_the_picture_of_that_step(restoration, watch):
    pictures = []
    for step in restoration.snapshots:
        then = restoration.at(step)
        expected = picture_of(restoration, watch.candidates[step])
        np.testing.assert_allclose(then.image, expected, atol=1e-5)
        assert then.best_step == step
        pictures.append(then.image)
    np.testing.assert_array_equal(restoration.at(50).image, restoration.image)
    for first, second in pairwise(pictures):
        assert np.abs(first - second).max() > 1e-3


def test_a_snapshot_can_be_exported_and_left_again(restoration, tmp_path):
    early = restoration.at(25)
    early.export(tmp_path / "early.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(tmp_path / "early.onnx"), options)
    (image,) = session.run(None, {})
    np.testing.assert_allclose(image[0], early.image, atol=1e-5)
    back = early.at(50)
    np.testing.assert_array_equal(back.image, restoration.image)


def test_the_file_tells_whose_picture_it_is(restoration, tmp_path):
    for kept in (restoration.at(25), restoration):
        path = tmp_path / f"{kept.best_step}.onnx"
        kept.export(path)
        told = info(path)
        assert (told["steps"], told["best_step"]) == (125, kept.best_step)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "25.onnx", tmp_path / "50.onnx"]


def test_at_the_best_step_nothing_is_made_anew(restoration):
    assert restoration.at(50) is restoration
    early = restoration.at(25)
    assert early.at(25) is early


@pytest.mark.parametrize("step", [0, 26, 100, None])
def test_a_step_that_was_not_kept(restoration, step):
    message = rf"Expected a step of 25, 50, 75, 125\. Received: {step}"
    with pytest.raises(ValueError, match=message):
        restoration.at(step)


def test_without_snapshots_there_are_none(tiny_network, scene):
    restoration = fit(tiny_network, scene(*SIZE), steps=2)
    assert restoration.snapshots == {}
    with pytest.raises(ValueError, match=r"of none \(snapshots=0\)\. Received: 2"):
        restoration.at(2)


def test_snapshots_of_an_average_of_outputs_and_of_a_grey_picture(tiny_network, scene):
    watch = Watch()
    restoration = fit(
        *(tiny_network, scene(*SIZE, noise=0.1), watch),
        preset="paper",
        steps=60,
        snapshots=2,
    )
    assert list(restoration.snapshots) == [25, 60]
    then = restoration.at(25).image
    assert then.shape == SIZE
    # The network was brought to the average, not quite onto it.
    average = watch.candidates[25].average[0, ..., 0]
    before = picture_of(restoration, watch.candidates[25])[..., 0]
    assert np.std(then - average) < 0.8 * np.std(before - average)


def test_snapshots_of_several_members_are_their_mean(tiny_network, scene):
    watch = Watch()
    restoration = fit(
        *(tiny_network, scene(*SIZE, 3, noise=0.1), watch),
        steps=50,
        stop="none",
        members=2,
        snapshots=2,
    )
    assert list(restoration.snapshots) == [25, 50]
    first, second = restoration.snapshots[25].candidates
    assert [c.step for c in (first, second)] == [25, 25]
    pairs = zip(first.weights, second.weights, strict=True)
    assert any((a != b).any() for a, b in pairs)
    network = restoration.at(25).source.network
    np.testing.assert_allclose(
        restoration.at(25).image,
        np.asarray(network(restoration.z))[0].clip(0, 1),
        atol=1e-6,
    )
    assert np.abs(restoration.at(25).image - restoration.image).max() > 1e-3
    assert restoration.at(50) is restoration


def test_a_member_that_stopped_early_gives_its_last_candidate():
    def kept(*steps):
        return {step: (f"{step}", float(step)) for step in steps}

    together = of_all([kept(25, 50), kept(25, 50, 100)])

    assert {s: k.candidates for s, k in together.items()} == {
        25: ["25", "25"],
        50: ["50", "50"],
        100: ["50", "100"],
    }
    assert together[100].criterion == 75
    assert of_all([kept(50), kept(25, 50)])[25].candidates == ["50", "25"]


@pytest.mark.parametrize("snapshots", [-1, 2.5, True])
def test_how_many_is_a_number(snapshots):
    with pytest.raises(ValueError, match="snapshots as an integer >= 0"):
        DeepImagePrior(snapshots=snapshots)
