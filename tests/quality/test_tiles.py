"""Tiles on a real picture: no seam is seen."""

import numpy as np
import pytest
from skimage import data

from keras_dip import DeepImagePrior, Denoise

pytestmark = pytest.mark.quality

STRIP = 8
"""Pixels on either side of where two tiles weigh the same."""


def test_seams_are_no_worse_than_elsewhere():
    clean = data.astronaut()[:320, 96:416] / 255
    noise = 25 / 255 * np.random.default_rng(0).standard_normal(clean.shape)
    noisy = np.rint((clean + noise).clip(0, 1) * 255).astype("uint8")
    options = {"steps": 250, "stop": "none"}
    whole = DeepImagePrior(Denoise(), tile=0, **options).fit(noisy)
    tiled = DeepImagePrior(Denoise(), tile=192, tile_overlap=64, **options).fit(noisy)
    assert tiled.settings["tiles"]["tops"] == [0, 128]
    middle = (128 + 192) // 2
    seam = np.zeros(clean.shape[:2], bool)
    seam[middle - STRIP : middle + STRIP] = True
    seam[:, middle - STRIP : middle + STRIP] = True

    def psnr(restoration, where):
        return -10 * np.log10(np.square(restoration.image - clean)[where].mean())

    told = [psnr(r, where) for r in (whole, tiled) for where in (seam, ~seam)]
    names = ("whole: seam", "whole: elsewhere", "tiles: seam", "tiles: elsewhere")
    print(", ".join(f"{n} {v:.2f} dB" for n, v in zip(names, told, strict=True)))
    whole_seam, whole_else, tiled_seam, tiled_else = told
    # Against the fit in one piece: pictures differ from place to place.
    assert tiled_seam - whole_seam > tiled_else - whole_else - 0.2

    def step(image, axis):
        """Return the mean jump across the middle, of what differs from the truth."""
        error = np.moveaxis(image - clean, axis, 0)
        jumps = np.abs(np.diff(error, axis=0)).mean(axis=(1, 2))
        return jumps[middle - 1] / np.median(jumps)

    assert step(tiled.image, 0) < 1.3
    assert step(tiled.image, 1) < 1.3
