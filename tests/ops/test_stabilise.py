"""Scales on which photon noise and speckle have one deviation, and the way back."""

import numpy as np
import pytest
from scipy import stats

from keras_dip.ops.stabilise import Anscombe, Logarithm

LEVELS = np.linspace(0.1, 1, 7)


def photons(x, sigma, rng):
    return rng.poisson(np.asarray(x) / sigma**2) * sigma**2


def speckle(x, sigma, rng):
    return np.maximum(x * (1 + sigma * rng.standard_normal(np.shape(x))), 0)


CASES = [(Anscombe, photons, 0.1), (Anscombe, photons, 0.2), (Logarithm, speckle, 0.25)]


@pytest.mark.parametrize(("kind", "noisy", "sigma"), CASES)
def test_noise_has_one_deviation_and_the_mean_comes_back(kind, noisy, sigma):
    x = np.repeat(LEVELS[:, np.newaxis], 40_000, axis=1)
    scale = kind(sigma)
    scaled = scale.forward(noisy(x, sigma, np.random.default_rng(0)))
    np.testing.assert_allclose(scaled.std(axis=1), scale.deviation, rtol=0.12)
    found = np.asarray(scale.inverse(scaled.mean(axis=1)))
    np.testing.assert_allclose(found, LEVELS, rtol=0.02)


@pytest.mark.parametrize("sigma", [0.1, 0.2])
def test_the_mean_and_deviation_of_photons_by_scipy(sigma):
    scale, counts = Anscombe(sigma), np.arange(400)
    chance = stats.poisson.pmf(counts, LEVELS[:, np.newaxis] / sigma**2)
    scaled = scale.forward(counts * sigma**2).astype("float64")
    mean = chance @ scaled
    np.testing.assert_allclose(scale.inverse(mean), LEVELS, rtol=2e-3)
    deviation = np.sqrt(chance @ scaled**2 - mean**2)
    np.testing.assert_allclose(deviation, scale.deviation, rtol=0.12)


@pytest.mark.parametrize("kind", [Anscombe, Logarithm])
def test_black_and_white_keep_their_places(kind):
    scaled = kind(0.1).forward(np.array([0.0, 1.0, 1.2]))
    np.testing.assert_allclose(scaled[:2], [0, 1], atol=1e-6)
    assert scaled[2] > 1
    assert abs(float(kind(0.1).inverse(np.float32(0)))) < 1e-3


def test_the_inverse_of_anscombe_is_unbiased_for_few_photons():
    sigma = 1 / np.sqrt(5)
    counts = photons(np.full(200_000, 0.3), sigma, np.random.default_rng(0))
    mean = Anscombe(sigma).forward(counts).mean()
    # The plain inverse gives 0.05 less.
    assert float(Anscombe(sigma).inverse(mean)) == pytest.approx(0.3, abs=0.005)


def test_thinned_photons_are_two_independent_pictures():
    scale, x, share = Anscombe(0.2), 0.4, 0.1
    rng = np.random.default_rng(0)
    scaled = scale.forward(photons(np.full(100_000, x), scale.sigma, rng))
    first, both, second = scale.thin(scaled, share, np.random.default_rng(1))
    kept = (both - share * second) / (1 - share)  # as a picture of its own
    assert abs(np.corrcoef(kept, second)[0, 1]) < 5 / np.sqrt(len(kept))
    for picture, peak in ((both, 25), (second, 25 * share), (kept, 25 * (1 - share))):
        assert picture.mean() == pytest.approx(x, rel=0.01)
        assert picture.var() == pytest.approx(x / peak, rel=0.03)
    assert first.std() == pytest.approx(scaled.std() / np.sqrt(1 - share), rel=0.02)
    assert first.mean() == pytest.approx(scaled.mean(), abs=0.003)


@pytest.mark.parametrize("x", [0.01, 0.3, 1.0])
def test_the_slope_is_that_of_the_scale(x):
    scale, step = Anscombe(0.2), 1e-3
    ends = scale.forward(np.array([x, x + step], "float64")).astype("float64")
    assert scale.slope(x + step / 2) == pytest.approx(np.diff(ends)[0] / step, rel=1e-2)
