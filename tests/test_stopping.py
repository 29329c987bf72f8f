"""Stopping rules: what each measures, what it keeps, and when it ends a fit."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy import ndimage

from keras_dip import DeepImagePrior, Denoise, Inpaint, stopping
from keras_dip.fitting import REPORT_INTERVAL
from keras_dip.member import Member, Plan, seeds_of
from keras_dip.settings import Settings
from keras_dip.stopping import (
    LEAST_PATIENCE,
    NAMES,
    WARM_UP,
    Discrepancy,
    ExponentialVariance,
    Fission,
    HeldOut,
    Plateau,
    StoppingRule,
    TimeLimit,
    WindowedVariance,
    rule_for,
)
from keras_dip.tasks import Problem

SIGMA = 0.1


class Stub:
    """A model that has taken `step` steps and gave `outputs`, one a step."""

    def __init__(self, outputs=(), window=0, planned_steps=500, data_terms=()):
        self.outputs, self.window = outputs, window
        self.planned_steps = planned_steps
        self.data_terms = data_terms
        self.step = 0
        self.stop_training = False
        self.observed = {}
        self.recent = np.zeros((window, np.shape(outputs)[1])) if window else None

    def run_to(self, step):
        while self.step < step:
            if self.window:
                self.recent[self.step % self.window] = self.outputs[self.step]
            self.step += 1

    def picture(self):
        return None

    def data_term(self, picture, observed):
        return self.data_terms[self.step // REPORT_INTERVAL - 1]

    def candidate(self):
        return SimpleNamespace(step=self.step)


def run(rule, model, steps):
    """Report to a rule until it stops or the steps are over; return its criteria."""
    rule.set_model(model)
    criteria = {}
    for step in range(REPORT_INTERVAL, steps + 1, REPORT_INTERVAL):
        model.run_to(step)
        logs = {}
        rule.on_epoch_end(0, logs)
        criteria[step] = logs["criterion"]
        if model.stop_training:
            break
    return criteria


def noisy_problem(clean, sigma=SIGMA, seed=0):
    """Return a picture with noise of deviation `sigma`."""
    noise = sigma * np.random.default_rng(seed).standard_normal(clean.shape)
    y = (clean + noise).astype("float32")[np.newaxis]
    return Problem({"picture": y}, clean.shape, y, sigma)


class Scripted(StoppingRule):
    """Measures what it is told, by step."""

    what = "The script"

    def __init__(self, script, patience=None):
        super().__init__(patience)
        self.script = script

    def measure(self):
        return self.script(self.model.step)


def test_a_rule_keeps_the_least_and_stops_a_fifth_of_the_steps_after_it():
    rule, model = Scripted(lambda step: abs(step - 200)), Stub(planned_steps=1000)
    criteria = run(rule, model, 1000)
    assert (rule.best.step, rule.least) == (200, 0)
    assert max(criteria) == 400
    assert criteria[300] == 100
    assert rule.reason == (
        "The script was least at step 200 and has not fallen for 200 steps."
    )


def test_patience_has_a_least_and_can_be_set():
    assert LEAST_PATIENCE == 75
    short = Stub(planned_steps=100)
    assert max(run(Scripted(lambda step: step), short, 1000)) == 25 + 75
    patient = Stub(planned_steps=100)
    assert max(run(Scripted(lambda step: step, 150), patient, 1000)) == 25 + 150


def test_a_rule_that_always_gains_never_stops():
    rule, model = Scripted(lambda step: -step), Stub(planned_steps=100)
    run(rule, model, 1000)
    assert (rule.best.step, rule.reason, model.stop_training) == (1000, None, False)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_no_measure_is_neither_the_best_nor_a_loss_of_patience(value):
    rule = Scripted(lambda step: value if step < 500 else 1.0)
    criteria = run(rule, Stub(planned_steps=100), 500)
    assert rule.best.step == 500
    assert not np.isfinite(criteria[25])


def test_fission_estimates_the_error_against_the_clean_picture_without_bias(scene):
    clean = scene(12, 10, 3)
    candidate = clean[np.newaxis] + 0.1 * scene(12, 10, 3, seed=2)[np.newaxis]
    estimates = []
    for seed in range(600):
        rule = Fission()
        rule.hold_back(
            noisy_problem(clean, seed=seed), np.random.default_rng(1000 + seed)
        )
        estimates.append(rule.squared_error(candidate).mean())
    truth = np.mean((candidate - clean) ** 2)
    error = np.std(estimates) / np.sqrt(len(estimates))
    # Fine enough to tell a variance of the noise that is forgotten, and much surer
    # than the plain squared error against the held-back copy.
    assert error < SIGMA**2 / 20
    assert np.mean(estimates) == pytest.approx(truth, abs=4 * error)


def test_fission_of_photons_estimates_the_error_without_bias(scene):
    clean, sigma = 0.1 + 0.8 * scene(24, 20, 1), 0.3
    candidate = clean + 0.1 * (scene(24, 20, 1, seed=2) - 0.5)
    estimates, truths = [], []
    for seed in range(200):
        counts = np.random.default_rng(seed).poisson(clean / sigma**2) * sigma**2
        problem = Denoise(sigma, noise="poisson").prepare(counts.astype("float32"))
        rule = Fission(0.5)
        seen = rule.hold_back(problem, np.random.default_rng(1000 + seed))
        assert seen.sigma == pytest.approx(problem.sigma * math.sqrt(1.25))
        scaled = problem.scale.forward(candidate)[np.newaxis]
        estimates.append(rule.squared_error(scaled).mean())
        found = np.asarray(problem.scale.inverse(scaled))
        slope = problem.scale.slope(rule._rough)
        truths.append(np.mean(((found - clean) * slope) ** 2))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert error < problem.sigma**2 / 40
    assert np.mean(estimates) == pytest.approx(np.mean(truths), abs=4 * error)


def test_fission_tells_pictures_of_the_fit_apart_as_the_held_back_copy_does(scene):
    rule, clean = Fission(), scene(12, 10, 3)
    rule.hold_back(noisy_problem(clean), np.random.default_rng(1))
    model, measured, plain = Stub(), [], []
    rule.set_model(model)
    for picture in (clean, clean * 0.9, np.full_like(clean, 0.5)):
        model.picture = lambda picture=picture: picture[np.newaxis]
        measured.append(rule.measure())
        plain.append(np.mean((picture - rule.held_back[0]) ** 2))
    np.testing.assert_allclose(np.diff(measured), np.diff(plain), rtol=1e-4)


def test_the_two_noises_of_fission_are_independent(scene):
    clean, ratio = scene(40, 40, 3), 0.2
    first, second, sigmas = [], [], []
    for seed in range(40):
        rule = Fission(ratio)
        problem = noisy_problem(clean, seed=seed)
        seen = rule.hold_back(problem, np.random.default_rng(1000 + seed))
        first.append(seen.observed["picture"][0] - clean)
        second.append(rule.held_back[0] - clean)
        sigmas.append(seen.sigma)
    assert np.std(first) == pytest.approx(SIGMA * math.sqrt(1 + ratio**2), rel=0.01)
    assert sigmas[0] == pytest.approx(SIGMA * math.sqrt(1 + ratio**2))
    assert np.std(second) == pytest.approx(
        SIGMA * math.sqrt(1 + 1 / ratio**2), rel=0.01
    )
    correlation = np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]
    assert abs(correlation) < 5 / math.sqrt(np.size(first))


def test_fission_clips_nothing():
    y = np.tile(np.float32([0, 1]), (1, 16, 8))[..., np.newaxis]
    problem = Problem({"picture": y}, y.shape[1:], y, SIGMA)
    rule = Fission()
    seen = rule.hold_back(problem, np.random.default_rng(0)).observed["picture"]
    for noise in (seen - y, rule.held_back - y):
        for level in (0, 1):
            assert 0.3 < np.mean(noise[y == level] < 0) < 0.7
    np.testing.assert_array_equal(problem.observed["picture"], y)


def small_member(tiny_network, task, problem, stop, inputs):
    settings = Settings(steps=25, latent="picture+noise", stop=stop, recorruption=0.5)
    network = tiny_network(*problem.shape[:2], problem.shape[2], inputs=inputs)
    return Member(Plan(task, settings, network=network), problem, seeds_of(0, 0))


def test_the_fit_sees_y1_in_z_and_the_result_is_made_from_y(tiny_network, scene):
    sigma = 0.03
    task = Denoise(sigma=sigma)
    problem = task.prepare(scene(12, 10, 3, noise=sigma))
    member = small_member(tiny_network, task, problem, "fission", 5)
    y, z = problem.observed["picture"], member.model.z.numpy()
    y1 = member.model.observed["picture"].numpy()
    np.testing.assert_array_equal(z[..., :3], y1)
    np.testing.assert_allclose(member.latent.values[..., :3], y, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(z[..., 3:], member.latent.values[..., 3:])
    assert np.std(y1 - y) == pytest.approx(0.2 * sigma, rel=0.1)
    seen = float(np.asarray(member.model.sigma.value))
    assert seen == pytest.approx(sigma * math.sqrt(1.04))


def random_mask(*shape, known=0.5):
    return np.random.default_rng(0).uniform(size=shape) < known


def hold_out(mask, share=0.02, shape=None):
    """Return what HeldOut keeps back, [h, w], the rule and both problems."""
    height, width = mask.shape[:2]
    picture = np.random.default_rng(1).uniform(0.2, 1, (height, width, 3))
    problem = Inpaint(mask).prepare(picture.astype("float32"))
    rule = HeldOut(share)
    seen = rule.hold_back(problem, np.random.default_rng(2))
    out = problem.observed["mask"] != seen.observed["mask"]
    return out[0].any(axis=-1), rule, problem, seen


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_held_out_pixels_are_a_share_of_the_known_ones(share):
    mask = random_mask(40, 50)
    out, *_ = hold_out(mask, share)
    assert not (out & ~mask).any()
    assert out.sum() == int(share * mask.sum())


def test_the_data_term_does_not_see_what_is_held_out():
    mask = random_mask(20, 30)
    out, _, _, seen = hold_out(mask)
    task = Inpaint(mask)

    def data_term(x):
        return float(task.data_term(x, seen.observed))

    x = np.full((1, 20, 30, 3), 0.5, "float32")
    other = x.copy()
    other[:, out] = 0.9
    assert data_term(other) == data_term(x)
    other[:, mask & ~out] = 0.9
    assert data_term(other) != data_term(x)
    # Nor does it lie about in the observation.
    assert (seen.observed["picture"][:, out] == 0).all()


def test_z_made_from_the_picture_does_not_show_what_is_held_out(tiny_network):
    mask = random_mask(20, 30)
    picture = np.full((20, 30, 3), 0.25, "float32")
    picture[::2] = 0.75
    task = Inpaint(mask)
    problem = task.prepare(picture)
    member = small_member(tiny_network, task, problem, "heldout", 5)
    out = member.rule.out[0, ..., 0]
    z, known = np.split(member.model.z.numpy()[0, ..., :4], [3], axis=-1)
    assert np.abs(z[out] - picture[out]).min() > 0.1
    np.testing.assert_allclose(z[mask & ~out], picture[mask & ~out], atol=1e-6)
    np.testing.assert_array_equal(known[..., 0], mask & ~out)
    latent = member.latent.values[0, ..., :3]
    np.testing.assert_allclose(latent[mask], picture[mask], atol=0.5 / 255 + 1e-6)


def test_the_error_is_measured_on_the_held_out_pixels_alone():
    mask = random_mask(20, 30)
    out, rule, problem, _ = hold_out(mask)
    picture = problem.observed["picture"].copy()
    picture[:, ~out] += 0.7
    picture[:, out] += 0.2
    model = Stub()
    model.picture = lambda: picture
    model.data_term = Inpaint(mask).data_term
    rule.set_model(model)
    assert rule.measure() == pytest.approx(0.04, rel=1e-4)
    error = rule.squared_error(picture)[0]
    np.testing.assert_array_equal(np.isfinite(error).all(axis=-1), out)


def test_for_wide_holes_discs_as_wide_are_held_out():
    mask = np.ones((80, 80), bool)
    mask[30:54, 30:54] = False
    out, *_ = hold_out(mask, 0.05)
    assert not (out & ~mask).any()
    wanted = 0.05 * mask.sum()
    radius = np.median(ndimage.distance_transform_edt(~mask)[~mask])
    assert radius > 2
    assert wanted <= out.sum() <= wanted + np.pi * (radius + 1) ** 2
    # Every piece is a disc, or several that meet: opening with one loses little.
    y, x = np.mgrid[-9:10, -9:10]
    disc = y**2 + x**2 <= (radius - 1) ** 2
    kept = ndimage.binary_opening(out, disc)
    assert kept.sum() > 0.8 * out.sum()


def test_where_pixels_miss_one_by_one_they_are_held_out_singly():
    mask = np.random.default_rng(0).uniform(size=(60, 60)) < 0.8
    out, *_ = hold_out(mask, 0.01)
    pieces = ndimage.label(out)[1]
    assert pieces > 0.8 * out.sum()


def test_a_mask_without_holes_has_pixels_held_out_too():
    out, *_ = hold_out(np.ones((20, 20), bool), 0.05)
    assert out.sum() == 20


def test_held_out_pixels_need_a_mask():
    problem = noisy_problem(np.full((8, 8, 1), 0.5))
    with pytest.raises(ValueError, match=r"for stop='heldout'.* no mask"):
        HeldOut().hold_back(problem, np.random.default_rng(0))


def known_only_within(size):
    mask = np.zeros((30, 30), bool)
    mask[15 : 15 + size, 15 : 15 + size] = True
    return mask


def known_in_no_pixel_in_all_channels():
    mask = np.zeros((8, 8, 3), bool)
    mask[:4, :, 0] = mask[4:, :, 1:] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "known"),
    [
        (known_only_within(1), 1),
        (known_only_within(5), 25),
        (known_in_no_pixel_in_all_channels(), 0),
    ],
)
def test_held_out_pixels_need_enough_that_is_known(mask, known):
    with pytest.raises(
        ValueError, match=rf"holes that are small .* {known} known pixels"
    ):
        hold_out(mask)


def outputs_that_vary(steps, pixels=30, calm=287):
    """Outputs around a mean, farther away the farther the step is from `calm`."""
    rng = np.random.default_rng(0)
    spread = 1 + np.abs(np.arange(steps) - calm) / 100
    signs = np.where(rng.uniform(size=(steps, pixels)) < 0.5, -1, 1)
    return rng.uniform(size=pixels) + spread[:, np.newaxis] * signs


def test_windowed_variance_by_hand():
    outputs, rule = outputs_that_vary(500), WindowedVariance(patience=1000)
    window = rule.window(500)
    assert window == 25
    criteria = run(rule, Stub(outputs, window), 500)
    for step, found in criteria.items():
        if step < window + WARM_UP:
            assert math.isnan(found)
        else:
            recent = outputs[step - window : step]
            expected = np.mean((recent - recent.mean(axis=0)) ** 2)
            assert found == pytest.approx(expected)
    assert np.isfinite(list(criteria.values())).sum() > 15


def test_the_window_follows_the_planned_steps():
    windows = [WindowedVariance().window(steps) for steps in (100, 500, 1800, 9000)]
    assert windows == [10, 25, 90, 100]
    assert WindowedVariance(40).window(500) == 40


def test_windowed_variance_stops_after_the_calm():
    rule = WindowedVariance()
    model = Stub(outputs_that_vary(500), rule.window(500))
    criteria = run(rule, model, 500)
    assert rule.best.step == 300
    assert max(criteria) == 400
    assert "recent outputs was least at step 300" in rule.reason


def test_a_window_that_a_recovery_spoilt_fills_anew():
    outputs, rule = outputs_that_vary(500), WindowedVariance(patience=1000)
    window = rule.window(500)
    model = Stub(outputs.copy(), window)
    before = run(rule, model, 150)
    assert np.isfinite(before[150])
    # The fit falls apart: constant outputs, the least variance of all. The recovery
    # goes back to 150, but the window holds what was seen since.
    model.outputs[150:175] = 0.0
    model.run_to(175)
    model.step = 150
    assert model.recent.var(axis=0).mean() == 0
    model.outputs[150:175] = outputs[150:175]
    after = {}
    for step in range(150, 301, 25):
        model.run_to(step)
        rule.on_epoch_end(0, logs := {})
        after[step] = logs["criterion"]
    refilled = 150 + window + WARM_UP
    assert refilled == 225
    for step, found in after.items():
        if step < refilled:
            assert math.isnan(found)
        else:
            recent = outputs[step - window : step]
            assert found == pytest.approx(recent.var(axis=0).mean())
    # The restored step is not the best for good.
    assert rule.best.step == 300


def exponential(outputs, rate=0.1):
    """Equations 5 and 6 of the paper, from a black average."""
    mean, variance, variances = np.zeros(outputs.shape[1]), 0.0, []
    for x in outputs:
        distance = np.mean((x - mean) ** 2)
        variance = (1 - rate) * variance + rate * (1 - rate) * distance
        mean = (1 - rate) * mean + rate * x
        variances.append(variance)
    return np.array(variances)


def test_exponential_variance_by_hand():
    outputs, rule = outputs_that_vary(300), ExponentialVariance(patience=1000)
    criteria = run(rule, Stub(outputs, rule.window(300)), 300)
    expected = exponential(outputs)
    assert math.isnan(criteria[75])
    for step in range(100, 301, 25):
        assert criteria[step] == pytest.approx(expected[step - 1])


def test_exponential_variance_stops_after_the_calm():
    outputs, rule = outputs_that_vary(800), ExponentialVariance()
    criteria = run(rule, Stub(outputs, rule.window(800), planned_steps=500), 800)
    at_reports = exponential(outputs)[99::25]
    assert rule.best.step == 100 + 25 * np.argmin(at_reports)
    # It lags behind the calm at step 287 by about the length of its memory.
    assert 287 < rule.best.step <= 325
    assert max(criteria) == rule.best.step + 100


def test_exponential_variance_goes_on_after_a_return():
    outputs, rule = outputs_that_vary(300), ExponentialVariance(patience=1000)
    model = Stub(outputs.copy(), rule.window(300))
    run(rule, model, 150)
    # The fit falls apart on the way to 175, and the recovery goes back to 150.
    model.outputs[150:175] = np.nan
    model.run_to(175)
    model.step = 150
    rule.on_epoch_end(0, logs := {})
    assert logs["criterion"] == pytest.approx(exponential(outputs)[149])
    model.outputs[150:175] = outputs[150:175]
    model.run_to(175)
    rule.on_epoch_end(0, logs := {})
    assert logs["criterion"] == pytest.approx(exponential(outputs)[174])


def test_discrepancy_stops_when_the_residual_is_down_to_the_noise():
    rule = Discrepancy()
    problem = noisy_problem(np.full((8, 8, 1), 0.5))
    assert rule.hold_back(problem, np.random.default_rng(0)) is problem
    model = Stub(data_terms=[0.05, 0.02, 0.0101, 0.008, 0.001])
    criteria = run(rule, model, 125)
    assert max(criteria) == 100
    assert criteria[50] == pytest.approx(0.02 - SIGMA**2)
    assert rule.reason == "The residual came down to the noise at step 100."
    # The report before was nearer.
    assert rule.best.step == 75


@pytest.mark.parametrize("rule", [Discrepancy(), Fission()])
@pytest.mark.parametrize("sigma", [None, 0.0])
def test_rules_that_need_noise(rule, sigma):
    problem = noisy_problem(np.full((8, 8, 1), 0.5), sigma=0.0)
    problem = Problem(problem.observed, problem.shape, problem.guess, sigma)
    message = f"noise of known or estimated deviation for stop='{rule.name}'.* none"
    with pytest.raises(ValueError, match=message):
        rule.hold_back(problem, np.random.default_rng(0))


def test_a_plateau_is_where_the_data_term_hardly_falls():
    # Each report falls by half a percent: after three a percent is reached.
    falling = [0.995**i for i in range(20)]
    rule, model = Plateau(), Stub(data_terms=falling, planned_steps=500)
    run(rule, model, 500)
    assert not model.stop_training
    level = [1.0, 0.5, 0.4, *([0.399] * 17)]
    rule, model = Plateau(), Stub(data_terms=level, planned_steps=500)
    criteria = run(rule, model, 500)
    assert max(criteria) == 75 + 100
    assert "hardly fallen since step 75" in rule.reason
    assert rule.best.step == 100


def test_a_time_limit_looks_at_the_clock_after_every_call(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    fake = SimpleNamespace(perf_counter=lambda: clock.now)
    monkeypatch.setattr(stopping, "time", fake)
    limit, model = TimeLimit(20), Stub()
    limit.set_model(model)
    clock.now, model.step = 119.9, 30
    limit.on_train_batch_end(0)
    assert (limit.reason, model.stop_training) == (None, False)
    clock.now, model.step = 120.0, 40
    limit.on_train_batch_end(1)
    assert model.stop_training
    assert limit.reason == "The time limit of 20 s was reached at step 40."
    model.step = 41
    limit.on_train_batch_end(2)
    assert limit.reason.endswith("step 40.")


def kind(name, problem):
    return type(rule_for(name, problem))


def test_auto_picks_by_what_the_problem_has(scene):
    clean = scene(64, 64, 3)
    rng = np.random.default_rng(0)
    white = SIGMA * rng.standard_normal(clean.shape)
    coarse = 3 * ndimage.gaussian_filter(white, (1, 1, 0))
    mask = random_mask(64, 64)
    none = Problem({"picture": clean[np.newaxis]}, clean.shape, clean[np.newaxis])
    assert kind("auto", Inpaint(mask).prepare(clean)) is HeldOut
    assert kind("auto", noisy_problem(clean)) is Fission
    noisy = (clean + white).clip(0, 1).astype("float32")
    assert kind("auto", Denoise().prepare(noisy)) is Fission
    noisy = (clean + coarse).clip(0, 1).astype("float32")
    assert kind("auto", Denoise().prepare(noisy)) is ExponentialVariance
    assert kind("auto", none) is Plateau
    assert kind("auto", Denoise(noise="unknown").prepare(noisy)) is WindowedVariance
    assert kind("auto", Denoise(noise="impulse").prepare(noisy)) is HeldOut
    noiseless = Denoise().prepare(np.full_like(clean, 0.5))
    assert noiseless.sigma == 0
    assert kind("auto", noiseless) is Plateau


def bayer(height, width):
    """The mask of a mosaic: each pixel knows one of three channels."""
    mask = np.zeros((height, width, 3), bool)
    mask[::2, ::2, 0] = mask[1::2, 1::2, 2] = True
    mask[::2, 1::2, 1] = mask[1::2, ::2, 1] = True
    return mask


def strip(height, width):
    """The mask of a picture of which a strip on the left is known."""
    return np.broadcast_to(np.arange(width) < width // 4, (height, width))


@pytest.mark.parametrize("mask", [bayer(24, 32), strip(24, 32)], ids=["bayer", "strip"])
def test_auto_holds_nothing_out_where_nothing_can_be_spared(scene, mask):
    problem = Inpaint(mask).prepare(scene(24, 32, 3))
    assert kind("auto", problem) is Plateau


def test_rules_by_name(scene):
    problem = noisy_problem(scene(16, 16, 3))
    assert rule_for("none", problem) is None
    for name in set(NAMES) - {"auto", "none"}:
        rule = rule_for(name, problem)
        assert rule.name == name
        assert rule is not rule_for(name, problem)
    message = "Expected stop of auto, fission, wmv, emv, heldout, discrepancy, plateau"
    with pytest.raises(ValueError, match=message + ", none. Received: 'early'"):
        rule_for("early", problem)
    with pytest.raises(ValueError, match=message + ", none. Received: 'early'"):
        DeepImagePrior(stop="early")


class PicturesOfZ(keras.callbacks.Callback):
    """Notes what the averaged weights make of a z at each report."""

    def __init__(self):
        super().__init__()
        self.candidates = {}

    def on_epoch_end(self, epoch, logs=None):
        self.candidates[self.model.step] = self.model.candidate()


def restored_by(tiny_network, img, **options):
    watch = PicturesOfZ()
    prior = DeepImagePrior(
        Denoise(sigma=SIGMA),
        network=tiny_network(*img.shape, inputs=img.shape[2] + 2),
        callbacks=[watch],
        **options,
    )
    return prior.fit(img), watch


def test_the_kept_picture_is_that_of_the_best_step(tiny_network, scene, monkeypatch):
    monkeypatch.setattr(
        Fission, "measure", lambda self: 1.0 + abs(self.model.step - 50)
    )
    img = scene(12, 10, 3, noise=SIGMA)
    restoration, watch = restored_by(tiny_network, img, steps=200, stop="fission")
    assert (restoration.steps, restoration.best_step) == (125, 50)
    assert restoration.stopped_by == restoration.settings["stop"] == "fission"
    assert "least at step 50 and has not fallen for 75" in restoration.stop_reason
    assert restoration.history["criterion"].tolist() == [26, 1, 26, 51, 76]

    def picture(step):
        network = keras.models.clone_model(restoration.source.network)
        weights = watch.candidates[step].weights
        pairs = zip(network.trainable_variables, weights, strict=True)
        for variable, value in pairs:
            variable.assign(value)
        output = network(restoration.z, training=True)
        return np.asarray(restoration.source.finish(output))[0].clip(0, 1)

    np.testing.assert_allclose(restoration.image, picture(50), atol=1e-5)
    assert np.abs(restoration.image - picture(125)).max() > 1e-3
    # The result is made from the picture itself, not from what the fit saw.
    seen = restoration.z[0, ..., :3].clip(0, 1)
    np.testing.assert_allclose(seen, img, atol=1e-4)


@pytest.mark.parametrize("stop", ["wmv", "emv", "discrepancy", "plateau"])
def test_every_rule_measures_a_real_fit(tiny_network, scene, stop):
    img = scene(12, 10, 3, noise=SIGMA)
    restoration, _ = restored_by(tiny_network, img, steps=125, stop=stop)
    criterion = restoration.history["criterion"]
    assert restoration.settings["stop"] == stop
    assert np.isfinite(criterion[-1])
    best = int(np.nanargmin(criterion))
    assert restoration.best_step == restoration.history["step"][best]


def test_a_time_limit_ends_a_fit_with_its_picture(tiny_network, scene):
    img = scene(12, 10, 3, noise=SIGMA)
    restoration, _ = restored_by(tiny_network, img, steps=1000, time_limit=1e-6)
    assert restoration.stopped_by == "time limit"
    assert "time limit of 1e-06 s was reached" in restoration.stop_reason
    assert 0 < restoration.steps < 1000
    assert np.isfinite(restoration.image).all()
