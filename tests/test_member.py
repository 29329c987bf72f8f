"""Several fits with seeds of their own, and the mean of their pictures."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import onnxruntime
import pytest

from keras_dip import DeepImagePrior, Denoise, Inpaint, member, members
from keras_dip.interrupts import Interrupts
from keras_dip.member import Member, Plan, finisher, seeds_of, to_picture

SIZE = (13, 11)
SIGMA = 0.1
SMALL = {
    "latent": "picture+noise",
    "recorruption": 0.5,
    "weight_average": 0.9,
    "steps": 50,
    "stop": "fission",
}


def with_preset(task, **changes):
    task.declaration = replace(
        task.declaration, presets={"small": {**SMALL, **changes}}
    )
    return task


def denoise(**changes):
    return with_preset(Denoise(sigma=SIGMA), **changes)


@pytest.fixture(scope="module")
def img(scene):
    return scene(*SIZE, 3, noise=SIGMA)


@pytest.fixture(scope="module")
def prior_for(tiny_network):
    """Make a prior; one start of the weights, so that the jitter alone differs."""

    def make(task, size=SIZE, **options):
        options = {"members": 3, "seed": 7, **options}
        network = tiny_network(*size, inputs=5)
        return DeepImagePrior(task, preset="small", network=network, **options)

    return make


@pytest.fixture(scope="module")
def restoration(prior_for, img):
    return prior_for(denoise()).fit(img)


@pytest.fixture(scope="module")
def singles(prior_for, img):
    """The pictures of the members, fitted one by one."""
    prior = prior_for(denoise())
    problem = prior.task.prepare(img)
    finish = finisher(prior.task, problem, 0.0)
    pictures = []
    for index in range(3):
        plan = Plan(prior.task, prior.settings, network=prior.network)
        one = Member(plan, problem, seeds_of(7, index))
        one.fit([], None, finish, None)
        network = one.network_for(one.chosen, Interrupts())
        pictures.append(to_picture(network(one.latent.values, training=False)))
    return np.stack(pictures)


def test_the_first_member_is_what_one_member_would_be():
    one, first, other = seeds_of(3, 0), seeds_of(3, 0), seeds_of(3, 1)
    assert one == first
    assert (other.latent, other.held_back) == (first.latent, first.held_back)
    assert other.network != first.network
    assert other.jitter != first.jitter
    distinct = {seeds_of(seed, i).network for seed in range(5) for i in range(5)}
    assert len(distinct) == 25


def test_the_picture_is_the_mean_of_the_members(restoration, singles):
    np.testing.assert_allclose(restoration.image, singles.mean(axis=0), atol=1e-5)
    spread = np.abs(singles - singles.mean(axis=0)).max(axis=(1, 2, 3))
    assert spread.min() > 1e-3


def test_its_file_regenerates_the_mean(restoration, tmp_path):
    path = tmp_path / "mean.onnx"
    restoration.export(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    (image,) = onnxruntime.InferenceSession(str(path), options).run(None, {})
    np.testing.assert_allclose(image[0], restoration.image, atol=1e-5)


def test_the_curves_tell_the_members_apart(restoration):
    history = restoration.history
    assert history["member"].tolist() == [0, 0, 1, 1, 2, 2]
    assert history["step"].tolist() == [25, 50] * 3
    assert {len(curve) for curve in history.values()} == {6}
    assert restoration.steps == 150
    assert restoration.settings["members"] == 3
    losses = history["loss"].reshape(3, 2)
    assert len(set(losses[:, 1])) == 3


def test_uncertainty_is_a_deviation_for_each_pixel(restoration):
    assert restoration.uncertainty.shape == restoration.image.shape
    assert restoration.uncertainty.dtype == "float32"
    assert (restoration.uncertainty > 0).all()
    assert restoration.uncertainty.max() < 1


def test_networks_by_name_start_elsewhere_and_show_the_deviation_of_their_mean(scene):
    grey = scene(*SIZE, noise=SIGMA)
    widths = {"down_channels": (4,), "up_channels": (4,), "skip_channels": (2,)}
    task = denoise(
        network_options=widths, latent="noise", stop="none", steps=1, recorruption=0
    )
    restoration = DeepImagePrior(task, preset="small", members=2).fit(grey)
    network, z = restoration.source.network, restoration.z
    members = [layer for layer in network.layers if layer.name.startswith("member")]
    pictures = np.stack([m(z, training=False)[0, ..., 0] for m in members])
    expected = np.abs(pictures[0] - pictures[1]) / 2
    assert expected.mean() > 0.01
    assert restoration.uncertainty.shape == restoration.image.shape == SIZE
    np.testing.assert_allclose(restoration.uncertainty, expected, atol=1e-6)


def test_known_pixels_that_are_pasted_are_certain_and_holes_are_not(prior_for, scene):
    size = (26, 22)
    mask = np.random.default_rng(0).uniform(size=size) < 0.7
    task = with_preset(
        Inpaint(mask, keep_known=True),
        stop="heldout",
        jitter=0.03,
        recorruption=0,
    )
    clean = scene(*size, 3)
    restoration = prior_for(task, size).fit(clean)
    np.testing.assert_array_equal(restoration.image[mask], clean[mask])
    np.testing.assert_array_equal(restoration.uncertainty[mask], 0)
    assert (restoration.uncertainty[~mask] > 0).all()
    # Of the size of the error that is there.
    error = np.sqrt(np.mean((restoration.image - clean)[~mask] ** 2))
    assert error / 4 < restoration.uncertainty[~mask].mean() < 4 * error


class Fail(keras.callbacks.Callback):
    """Raises in the second fit that it sees, at its beginning or its first report."""

    def __init__(self, error, at_report):
        super().__init__()
        self.error, self.at_report = error, at_report
        self.fits = 0

    def on_train_begin(self, logs=None):
        self.fits += 1
        if self.fits == 2 and not self.at_report:
            raise self.error

    def on_epoch_end(self, epoch, logs=None):
        if self.fits == 2 and self.at_report:
            raise self.error


@pytest.mark.parametrize("at_report", [False, True])
def test_an_interrupt_of_the_second_member_keeps_the_first(
    prior_for, img, singles, at_report
):
    prior = prior_for(denoise(), callbacks=[Fail(KeyboardInterrupt(), at_report)])
    restoration = prior.fit(img)
    assert restoration.stopped_by == "interrupt"
    assert "interrupted" in restoration.stop_reason
    np.testing.assert_allclose(restoration.image, singles[0], atol=1e-5)
    assert restoration.uncertainty is None
    assert "member" not in restoration.history
    assert (restoration.steps, restoration.settings["members"]) == (50, 1)


@pytest.mark.parametrize("at_report", [False, True])
def test_an_error_in_the_second_member_keeps_the_first(
    prior_for, img, singles, at_report
):
    failing = Fail(OSError("disk full"), at_report)
    prior = prior_for(denoise(), callbacks=[failing])
    with pytest.raises(OSError, match="disk full"):
        prior.fit(img)
    assert prior.restoration.stopped_by == "error"
    np.testing.assert_allclose(prior.restoration.image, singles[0], atol=1e-5)


def test_an_interrupt_while_the_second_member_is_built_keeps_the_first(
    prior_for, img, singles, monkeypatch
):
    copy_for, copies = member.copy_for, []

    def copy_once(*arguments):
        copies.append(True)
        if len(copies) == 2:
            raise KeyboardInterrupt
        return copy_for(*arguments)

    monkeypatch.setattr(member, "copy_for", copy_once)
    restoration = prior_for(denoise()).fit(img)
    assert restoration.stopped_by == "interrupt"
    assert restoration.stop_reason == "The fit was interrupted as member 2 began."
    np.testing.assert_allclose(restoration.image, singles[0], atol=1e-5)


def test_a_time_limit_is_for_all_members_together(prior_for, img):
    restoration = prior_for(denoise(steps=1000), time_limit=1e-3).fit(img)
    assert restoration.stopped_by == "time limit"
    assert "time limit of 0.001 s" in restoration.stop_reason
    assert restoration.steps < 1000
    assert restoration.settings["members"] == 1


def test_members_that_the_time_limit_cuts_off_are_counted(prior_for, img, monkeypatch):
    # The clock as the members begin: the third would be past the limit.
    times = itertools.count(0, 2000)
    clock = SimpleNamespace(perf_counter=lambda: next(times))
    monkeypatch.setattr(members, "time", clock)
    restoration = prior_for(denoise(steps=25), time_limit=5000).fit(img)
    assert restoration.stopped_by == "time limit"
    assert restoration.stop_reason == (
        "The time limit of 5000 s was reached after 2 of 3 members."
    )
    assert restoration.settings["members"] == 2
    assert restoration.settings["time_limit"] == 5000
    assert restoration.history["member"].tolist() == [0, 1]
    assert restoration.uncertainty.shape == restoration.image.shape


@pytest.mark.parametrize("members", [0, -1, 1.5, True])
def test_how_many_is_a_number(members):
    with pytest.raises(ValueError, match="members as an integer >= 1"):
        DeepImagePrior(members=members)
