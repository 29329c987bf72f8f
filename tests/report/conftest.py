"""A restoration to report on, of a short fit."""

import numpy as np
import pytest

SHAPE = (48, 64, 3)


@pytest.fixture(scope="session")
def fitted(scene, small_skip):
    """Fit a small network to a noisy picture, with snapshots and the clean one."""
    from keras_dip import DeepImagePrior, Denoise

    clean, noisy = scene(*SHAPE), scene(*SHAPE, noise=0.1)
    levels = np.rint(noisy * 255).astype("uint8")
    prior = DeepImagePrior(
        Denoise(sigma=0.1), network=small_skip, steps=100, snapshots=4, stop="wmv"
    )
    return prior.fit(levels, reference=clean)
