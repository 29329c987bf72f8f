"""Denoising: the identity, its noise level, and the published settings."""

import json

import keras
import numpy as np
import pytest

from keras_dip.noise import noise_sigma
from keras_dip.tasks.denoise import Denoise


def test_degrade_data_term_and_finish(picture):
    task, observed = Denoise(), picture(6, 5, 3)
    problem = task.prepare(observed)
    x = problem.observed["picture"] + 0.1
    assert problem.shape == (6, 5, 3)
    np.testing.assert_array_equal(task.degrade(x), x)
    np.testing.assert_array_equal(task.finish(x, problem.observed), x)
    loss = keras.ops.convert_to_numpy(task.data_term(x, problem.observed))
    assert loss == pytest.approx(0.01, rel=1e-4)
    np.testing.assert_array_equal(problem.guess[0], observed)


def test_the_noise_level_is_the_given_one(picture):
    assert Denoise(0.1).prepare(picture(8, 8, 3)).sigma == 0.1


def test_the_noise_level_is_estimated_when_not_given():
    noise = np.random.default_rng(0).normal(0, 0.1, (64, 64, 3))
    sigma = Denoise().prepare((0.5 + noise).astype("float32")).sigma
    assert sigma == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(("levels", "is_noise"), [(0.05, False), (0.3, True)])
def test_an_estimate_below_a_tenth_of_a_level_is_no_noise(levels, is_noise):
    noise = np.random.default_rng(0).normal(0, levels / 255, (64, 64, 3))
    picture = (0.5 + noise).astype("float32")
    problem = Denoise().prepare(picture)
    assert noise_sigma(picture) > 0
    assert (problem.sigma > 0) is is_noise
    # Who gives it means it.
    assert Denoise(levels / 255).prepare(picture).sigma == levels / 255


def test_published_settings(published):
    paper = published(Denoise())
    assert paper.z == ("noise", 32)
    assert paper.channels == (128,) * 5
    assert paper.skips == (4,) * 5
    assert paper.down_kernel == 3
    assert paper.up_1x1
    assert paper.upsampling == "bilinear"
    assert paper.learning_rate == 0.01
    assert paper.steps == 1800
    assert paper.jitter == pytest.approx(1 / 30)
    assert paper.average == 0.99
    assert paper.average_from_first


@pytest.mark.parametrize(
    ("levels", "jitter"), [(25, 1 / 30), (39.9, 1 / 30), (40, 1 / 20), (50, 1 / 20)]
)
def test_heavy_noise_is_jittered_more(published, levels, jitter):
    heavy, unknown = published(Denoise(levels / 255)), published(Denoise())
    assert heavy.jitter == pytest.approx(jitter)
    heavy.jitter = unknown.jitter
    assert heavy == unknown


def test_settings_can_be_recorded():
    found = json.dumps(Denoise(np.float32(0.5)).settings())
    assert found == '{"sigma": 0.5, "noise": "gaussian"}'
    assert Denoise(noise="impulse").settings() == {"sigma": None, "noise": "impulse"}


@pytest.mark.parametrize("sigma", [25, 0, -0.1, 1.01, float("nan"), True, "25"])
def test_a_noise_level_out_of_range(sigma):
    message = r"Expected sigma \(in units of \[0, 1\]\) .* at most 1\. Received: "
    with pytest.raises(ValueError, match=message) as raised:
        Denoise(sigma)
    assert str(raised.value).endswith(f"Received: {sigma!r}")


def test_photons_too_many_to_count_are_refused():
    with pytest.raises(ValueError, match=r"photons of 1e-06 or more\. Received: 1e-10"):
        Denoise(1e-10, noise="poisson")


@pytest.mark.parametrize("sigma", [0.2, 0.4, 0.6])
def test_strong_speckle_of_a_bright_picture_is_estimated(sigma):
    bright = 0.6 + 0.4 * noisy_ramp("speckle", 1e-6)
    y = with_noise(bright, "speckle", sigma).clip(0, 1).astype("float32")
    problem = Denoise(noise="speckle").prepare(y)
    assert problem.scale.sigma == pytest.approx(sigma, rel=0.2)


@pytest.mark.parametrize("noise", ["poisson", "speckle"])
def test_a_black_picture_has_no_noise(noise):
    assert Denoise(noise=noise).prepare(np.zeros((16, 16, 1), "float32")).sigma == 0


def test_only_the_published_settings_leave_clipped_noise_as_it_is():
    assert Denoise().preset_settings("fast")["unclip"]
    assert "unclip" not in Denoise().preset_settings("paper")


def noisy_ramp(noise, sigma):
    """A ramp from a tenth to nearly white, with noise of a kind."""
    x = np.tile(np.linspace(0.1, 0.8, 96), (96, 1))[..., np.newaxis]
    return with_noise(x, noise, sigma).clip(0, 1).astype("float32")


def with_noise(x, noise, sigma):
    rng = np.random.default_rng(0)
    if noise == "poisson":
        return rng.poisson(x / sigma**2) * sigma**2
    return x * (1 + sigma * rng.standard_normal(x.shape))


@pytest.mark.parametrize("noise", ["poisson", "speckle"])
@pytest.mark.parametrize("sigma", [0.1, 0.25])
def test_the_level_of_noise_that_follows_the_picture_is_estimated(noise, sigma):
    y = noisy_ramp(noise, sigma)
    problem = Denoise(noise=noise).prepare(y)
    assert problem.scale.sigma == pytest.approx(sigma, rel=0.12)
    assert problem.sigma == problem.scale.deviation
    np.testing.assert_array_equal(problem.guess[0], y)
    given = Denoise(sigma, noise=noise).prepare(y)
    assert given.scale.sigma == sigma
    # On the scale of the fit the noise is as strong as it says.
    measured = noise_sigma(given.observed["picture"][0])
    assert measured == pytest.approx(given.sigma, rel=0.12)


@pytest.mark.parametrize("noise", ["poisson", "speckle"])
def test_what_was_fitted_on_another_scale_comes_back(noise):
    task, x = Denoise(0.2, noise=noise), np.full((96, 96, 1), 0.5)
    problem = task.prepare(with_noise(x, noise, 0.2).clip(0, 1).astype("float32"))
    mean = np.full_like(problem.guess, problem.observed["picture"].mean())
    found = np.asarray(task.finish(mean, problem.observed))
    np.testing.assert_allclose(found, 0.5, atol=0.01)


@pytest.mark.parametrize("noise", ["poisson", "speckle"])
def test_without_such_noise_the_picture_is_fitted_as_it_is(noise):
    flat = np.full((16, 16, 1), 0.5, "float32")
    problem = Denoise(noise=noise).prepare(flat)
    assert (problem.sigma, problem.scale) == (0, None)
    np.testing.assert_array_equal(problem.observed["picture"][0], flat)


def test_only_white_was_cut_from_photons():
    y = noisy_ramp("poisson", 0.4)
    task = Denoise(0.4, noise="poisson")
    problem = task.prepare(y)
    whole = task.unclip(problem, seed=0).observed["picture"][0]
    assert (y == 0).any() and (y == 1).any()
    assert whole[y == 1].mean() > 1.01
    np.testing.assert_array_equal(whole[y < 1], problem.observed["picture"][0][y < 1])


def test_gaussian_noise_was_cut_at_both_ends():
    y = noisy_ramp("speckle", 0.4)
    task = Denoise(0.2)
    whole = task.unclip(task.prepare(y), seed=0).observed["picture"][0]
    assert whole[y == 0].mean() < -0.01
    assert whole[y == 1].mean() > 1.01


def test_impulses_count_by_their_absolute_error(picture):
    task, y = Denoise(noise="impulse"), picture(6, 5, 3)
    problem = task.prepare(y)
    x = y[np.newaxis].copy()
    x[0, 2, 3, 1] += 0.5
    loss = float(task.data_term(x, problem.observed))
    assert loss == pytest.approx(0.5 / x.size)
    mask = problem.observed["mask"].copy()
    mask[0, 2, 3] = 0
    assert float(task.data_term(x, {**problem.observed, "mask": mask})) == 0


@pytest.mark.parametrize("noise", ["impulse", "unknown"])
def test_noise_without_a_model_is_kept_out_of_z(noise):
    for preset in ("fast", "best"):
        settings = Denoise(noise=noise).preset_settings(preset)
        assert (settings["latent"], settings["recorruption"]) == ("noise", 0)
    paper = Denoise(noise=noise).preset_settings("paper")
    assert paper == Denoise().preset_settings("paper")
    with pytest.raises(ValueError, match=f"Received: noise='{noise}'"):
        Denoise(0.1, noise=noise)


def test_there_is_no_such_noise():
    with pytest.raises(ValueError, match=r"gaussian, .*, unknown. Received: 'rain'"):
        Denoise(noise="rain")
