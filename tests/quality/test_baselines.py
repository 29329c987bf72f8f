"""Beside methods of kept libraries, on the same pictures in the same run."""

import numpy as np
import pytest
from skimage import data, restoration, transform

from keras_dip import DeepImagePrior, Denoise, Inpaint, SuperResolve
from keras_dip.metrics import psnr

pytestmark = pytest.mark.quality
SIGMA = 25 / 255
CROPS = {
    "astronaut": lambda: data.astronaut()[60:188, 160:288],
    "chelsea": lambda: data.chelsea()[80:208, 120:248],
}


@pytest.fixture(params=CROPS)
def clean(request):
    return np.float32(CROPS[request.param]() / 255)


def told(capsys, what, clean, pictures):
    scores = {name: psnr(np.clip(x, 0, 1), clean) for name, x in pictures.items()}
    with capsys.disabled():
        line = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
        print(f"\n{what}: {line} dB")
    return scores


def test_noise(clean, capsys):
    noise = np.random.default_rng(0).normal(0, SIGMA, clean.shape)
    noisy = np.float32(np.clip(clean + noise, 0, 1))
    pictures = {
        "noisy": noisy,
        "non-local means": restoration.denoise_nl_means(
            noisy, patch_size=5, patch_distance=6, h=0.6 * SIGMA, sigma=SIGMA,
            fast_mode=False, channel_axis=-1,
        ),
        # The best of these weights, which nobody knows without the clean picture.
        "total variation": max(
            (
                restoration.denoise_tv_chambolle(noisy, weight=w, channel_axis=-1)
                for w in (0.05, 0.08, 0.1, 0.12, 0.15)
            ),
            key=lambda x: psnr(x, clean),
        ),
    }  # fmt: skip
    try:
        import bm3d  # not free for every use: nothing here needs it
    except ImportError:
        pass
    else:
        pictures["BM3D"] = bm3d.bm3d_rgb(noisy, SIGMA)
    pictures["this"] = DeepImagePrior(Denoise(SIGMA)).fit(noisy).image
    scores = told(capsys, "noise of sigma 25", clean, pictures)
    assert scores["this"] > scores["non-local means"]
    assert scores["this"] > scores["total variation"]


def test_half_of_the_pixels(clean, capsys):
    known = np.random.default_rng(0).random(clean.shape[:2]) > 0.5
    seen = clean * known[..., np.newaxis]
    filled = restoration.inpaint_biharmonic(seen, ~known, channel_axis=-1)
    ours = DeepImagePrior(Inpaint(known)).fit(seen).image
    pictures = {"damaged": seen, "biharmonic": filled, "this": ours}
    scores = told(capsys, "half of the pixels", clean, pictures)
    # Not above the biharmonic filling, which is better for such pictures.
    assert scores["this"] > scores["damaged"] + 15


def test_twice_as_large(clean, capsys):
    small = np.float32(transform.resize(clean, (64, 64), order=3, anti_aliasing=True))
    large = transform.resize(small, clean.shape, order=3)
    ours = DeepImagePrior(SuperResolve(2)).fit(small.clip(0, 1)).image
    scores = told(capsys, "twice as large", clean, {"bicubic": large, "this": ours})
    assert scores["this"] > scores["bicubic"] - 1
