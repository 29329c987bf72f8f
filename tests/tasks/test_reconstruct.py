"""Reconstruction is the identity, fitted to its end."""

import numpy as np
from skimage.data import astronaut

from keras_dip import DeepImagePrior, Reconstruct
from keras_dip.metrics import psnr
from keras_dip.settings import resolve


def test_it_runs_to_the_last_step():
    for preset in ("fast", "best", "paper"):
        assert resolve(Reconstruct(), preset).stop == "none"
        assert resolve(Reconstruct(), preset).recorruption == 0


def test_a_picture_is_fitted_better_and_better(small_skip):
    crop = astronaut()[60:108, 200:248]
    prior = DeepImagePrior(Reconstruct(), network=small_skip, steps=150)
    curve = prior.fit(crop, reference=crop).history["psnr"]
    assert curve[-1] > 27 and curve[-1] > curve[0] + 3
    assert psnr(prior.restoration.image, crop / np.float32(255)) > 27
