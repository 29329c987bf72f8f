"""Flash and no-flash: what z holds, published settings, and a gain by the flash."""

import keras
import numpy as np
import pytest
from skimage.data import astronaut

from keras_dip import DeepImagePrior, FlashNoFlash, models
from keras_dip.metrics import psnr
from keras_dip.settings import resolve


def test_z_holds_both_pictures_or_as_published_that_with_flash(picture):
    dim, flash = picture(4, 5, 3), picture(4, 5, 3, seed=1)
    task = FlashNoFlash(flash)
    observed = task.prepare(dim).observed
    both = task.z_picture(observed)[0]
    np.testing.assert_array_equal(both, np.concatenate([dim, flash], axis=-1))
    np.testing.assert_array_equal(task.z_picture(observed, alone=True)[0], flash)
    assert resolve(task, "paper").latent == "picture"
    assert resolve(task, "fast").recorruption > 0


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
    options = {"network": small(6 if preset == "fast" else 3)}
    restoration = DeepImagePrior(
        FlashNoFlash(flash), preset=preset, steps=1, stop="none", **options
    ).fit(dim)
    seen = restoration.z[0, ..., -5:-2] if preset == "fast" else restoration.z[0]
    np.testing.assert_allclose(seen, flash, atol=1e-4)


def small(channels):
    """Return a network with room for so many pictures' channels, and noise."""
    channels += 2 if channels == 6 else 0
    z = keras.Input((16, 16, channels))
    return keras.Model(z, keras.layers.Conv2D(3, 1, activation="sigmoid")(z))


def test_noise_goes_and_the_light_of_the_dim_picture_stays():
    clean = astronaut()[30:94, 190:254] / np.float32(255)
    rng = np.random.default_rng(0)
    dim = clean * 0.5
    noisy = (dim + rng.normal(0, 0.1, dim.shape)).clip(0, 1).astype("float32")
    flash = (clean**0.7).clip(0, 1)
    fit = DeepImagePrior(FlashNoFlash(flash), steps=150).fit(noisy)
    assert psnr(fit.image, dim) > psnr(noisy, dim) + 8


def test_a_flash_of_another_size(picture):
    message = r"flash picture of the size of the other, \(4, 5\).* Received: \(5, 4\)"
    with pytest.raises(ValueError, match=message):
        FlashNoFlash(picture(5, 4, 3)).prepare(picture(4, 5, 3))
