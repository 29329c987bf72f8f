"""What stopping without the ground truth costs against the best step of the same run.

Small real pictures, where every rule has the least to go by; some minutes together.
"""

import numpy as np
import pytest
from skimage import data

from keras_dip import DeepImagePrior, Denoise
from keras_dip.metrics import psnr

pytestmark = pytest.mark.quality

SIDE = 128


def pictures():
    face = data.astronaut()[20 : 20 + SIDE, 160 : 160 + SIDE]
    camera = data.camera()[60 : 60 + SIDE, 160 : 160 + SIDE, np.newaxis]
    return [(picture / 255).astype("float32") for picture in (face, camera)]


def lost(clean, noisy, noise="gaussian", **arguments):
    """Return how many dB the result is below the best report of its own run."""
    prior = DeepImagePrior(Denoise(noise=noise), **arguments)
    restoration = prior.fit(noisy, reference=clean)
    result = psnr(restoration.image, clean)
    loss = restoration.history["psnr"].max() - result
    print(
        f"{noise} {arguments} {psnr(noisy, clean):.2f} -> {result:.2f} dB at step "
        f"{restoration.best_step}, {restoration.stopped_by}, lost {loss:.2f} dB"
    )
    return loss


def gaussian(levels):
    for clean in pictures():
        noise = np.random.default_rng(0).normal(0, levels / 255, clean.shape)
        yield clean, (clean + noise).clip(0, 1).astype("float32")


@pytest.mark.parametrize("levels", [15, 25, 50])
def test_gaussian_noise(levels):
    losses = [lost(clean, noisy) for clean, noisy in gaussian(levels)]
    assert np.mean(losses) < 0.15


def photons(clean, rng, peak):
    return (rng.poisson(clean * peak) / peak).clip(0, 1).astype("float32")


def test_photon_noise():
    losses = [
        lost(clean, photons(clean, np.random.default_rng(0), peak), "poisson")
        for clean in pictures()
        for peak in (10, 30, 100)
    ]
    assert np.mean(losses) < 0.15


def impulses(clean, rng):
    hit = rng.random(clean.shape)
    return np.where(hit < 0.05, 0, np.where(hit > 0.95, 1, clean)).astype("float32")


def speckle(clean, rng):
    factor = 1 + 0.25 * rng.standard_normal(clean.shape)
    return (clean * factor).clip(0, 1).astype("float32")


@pytest.mark.parametrize("rule", ["wmv", "emv"])
def test_noise_without_a_model_by_the_variance_of_the_outputs(rule):
    losses = [
        lost(clean, damage(clean, np.random.default_rng(0)), "unknown", stop=rule)
        for clean in pictures()
        for damage in (impulses, speckle)
    ]
    assert np.mean(losses) < 0.7
    assert max(losses) < 1.5


@pytest.mark.parametrize(
    ("noise", "damage"), [("impulse", impulses), ("speckle", speckle)]
)
def test_noise_of_a_known_kind(noise, damage):
    for clean in pictures():
        loss = lost(clean, damage(clean, np.random.default_rng(0)), noise)
        assert loss < 1.5
