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


def lost(clean, noisy, **arguments):
    """Return how many dB the result is below the best report of its own run."""
    restoration = DeepImagePrior(Denoise(), **arguments).fit(noisy, reference=clean)
    loss = restoration.history["psnr"].max() - psnr(restoration.image, clean)
    print(f"{arguments} {restoration.best_step} {restoration.stopped_by} {loss:.2f} dB")
    return loss


def gaussian(levels):
    for clean in pictures():
        noise = np.random.default_rng(0).normal(0, levels / 255, clean.shape)
        yield clean, (clean + noise).clip(0, 1).astype("float32")


@pytest.mark.parametrize("levels", [15, 25, 50])
def test_gaussian_noise(levels):
    losses = [lost(clean, noisy) for clean, noisy in gaussian(levels)]
    assert np.mean(losses) < 0.15


def impulses(clean, rng):
    hit = rng.random(clean.shape)
    return np.where(hit < 0.05, 0, np.where(hit > 0.95, 1, clean)).astype("float32")


def speckle(clean, rng):
    factor = 1 + 0.25 * rng.standard_normal(clean.shape)
    return (clean * factor).clip(0, 1).astype("float32")


# Measured: wmv 0.68 to 5.97, mean 2.9; emv 1.43 to 6.26, mean 3.8 dB.
@pytest.mark.xfail(strict=True, reason="recorrupted pairs learn such noise at once")
@pytest.mark.parametrize("rule", ["wmv", "emv"])
def test_other_noise_by_the_variance_of_the_outputs(rule):
    losses = [
        lost(clean, damage(clean, np.random.default_rng(0)), stop=rule)
        for clean in pictures()
        for damage in (impulses, speckle)
    ]
    assert np.mean(losses) < 0.7
    assert max(losses) < 1.5
