"""Flash and no-flash: what z holds, published settings, and a gain by the flash."""

import keras
import numpy as np
import pytest
from skimage.data import astronaut

from keras_dip import DeepImagePrior, FlashNoFlash, models
from keras_dip.metrics import psnr
from keras_dip.settings import resolve


def test_z_is_the_picture_with_flash(picture):
    dim, flash = picture(4, 5, 3), picture(4, 5, 3, seed=1)
    task = FlashNoFlash(flash)
    observed = task.prepare(dim).observed
    np.testing.assert_array_equal(task.z_picture(observed)[0], flash)
    for preset in ("fast", "best", "paper"):
        assert resolve(task, preset).latent == "picture"
        assert resolve(task, preset).recorruption == 0


def test_published_settings(picture, published):
    paper = published(FlashNoFlash(picture(4, 5, 3)))
    assert paper.channels == (128,) * 5
    assert paper.skips == (4,) * 5
    assert paper.upsampling == (
        "nearest",
        "nearest",
        "bilinear",
        "bilinear",
        "bilinear",
    )
    assert (paper.learning_rate, paper.steps, paper.jitter) == (0.1, 601, 0)
    options = resolve(FlashNoFlash(picture(4, 5, 3)), "paper").network_options
    network = models.build("skip", (64, 64), input_channels=3, **options)
    weights = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert weights == 2_184_307


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_network_sees_the_flash(picture, preset, scene):
    dim, flash = scene(16, 16, 3, noise=0.1), picture(16, 16, 3)
    z = keras.Input((16, 16, 3))
    network = keras.Model(z, keras.layers.Conv2D(3, 1, activation="sigmoid")(z))
    restoration = DeepImagePrior(
        FlashNoFlash(flash), preset=preset, steps=1, stop="none", network=network
    ).fit(dim)
    np.testing.assert_allclose(restoration.z[0], flash, atol=1e-4)


def test_noise_goes_and_the_light_of_the_dim_picture_stays(small_skip):
    clean = astronaut()[30:94, 190:254] / np.float32(255)
    rng = np.random.default_rng(0)
    dim = clean * 0.5
    noisy = (dim + rng.normal(0, 0.1, dim.shape)).clip(0, 1).astype("float32")
    flash = (clean**0.7).clip(0, 1)
    prior = DeepImagePrior(FlashNoFlash(flash), network=small_skip, steps=150)
    fit = prior.fit(noisy)
    assert psnr(fit.image, dim) > psnr(noisy, dim) + 12


def test_a_flash_of_another_size(picture):
    message = r"flash picture of the size of the other, \(4, 5\).* Received: \(5, 4\)"
    with pytest.raises(ValueError, match=message):
        FlashNoFlash(picture(5, 4, 3)).prepare(picture(4, 5, 3))
