"""Restorations of pictures whose noise the file cut, and of those without any."""

import keras
import numpy as np
import onnxruntime
import pytest

from keras_dip import DeepImagePrior, Denoise
from keras_dip.images.convert import quantise
from keras_dip.noise import noise_sigma

SIZE = (24, 20)
SIGMA = 0.1
DARK = 0.03

ROUNDING = 0 if keras.config.backend() == "tensorflow" else 1e-6
"""JAX computes the finished picture as one function, whose sums have another order."""


@pytest.fixture(scope="module")
def dark():
    """A nearly black picture of 8 bits; its file is brighter than it was."""
    noise = SIGMA * np.random.default_rng(0).standard_normal((*SIZE, 1))
    img = quantise((DARK + noise).clip(0, 1).astype("float32"), "uint8")
    assert img.mean() / 255 > DARK + 0.015
    return img


@pytest.fixture
def restore(tiny_network):
    def run(img, preset, *, level, sigma=None, steps=25, inputs=6):
        network = tiny_network(*SIZE, 1, inputs=inputs)
        # It starts at about the level of the picture.
        network.get_layer("output").bias.assign([np.log(level / (1 - level))])
        options = {"network": network, "preset": preset, "steps": steps}
        restoration = DeepImagePrior(Denoise(sigma), **options).fit(img)
        raw = np.asarray(restoration.source.network(restoration.z, training=False))
        return restoration, raw[0]

    return run


def test_a_dark_picture_is_as_dark_as_it_was(restore, dark, tmp_path):
    restoration, _ = restore(dark, "fast", level=dark.mean() / 255, sigma=SIGMA)
    error = abs(dark.mean() / 255 - DARK)
    assert abs(restoration.image.mean() - DARK) < 0.6 * error
    # So does its file make it.
    restoration.export(tmp_path / "dark.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(tmp_path / "dark.onnx"), options)
    (image,) = session.run(None, {})
    np.testing.assert_allclose(image[0], restoration.image, atol=1e-4)


def test_the_published_way_leaves_it_as_the_network_made_it(restore, dark):
    restoration, raw = restore(
        dark, "paper", level=dark.mean() / 255, sigma=SIGMA, inputs=2
    )
    np.testing.assert_allclose(restoration.image, raw, rtol=0, atol=ROUNDING)
    assert restoration.image.mean() == pytest.approx(dark.mean() / 255, abs=0.01)


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_a_picture_without_noise_is_fitted(restore, level):
    img = np.full((*SIZE, 1), level, "float32")
    img[: SIZE[0] // 2] *= 0.5
    assert noise_sigma(img) < 1e-4
    restoration, raw = restore(img, "fast", level=0.5, steps=2)
    assert restoration.settings["noise_sigma"] == 0
    assert restoration.settings["stop"] == "plateau"
    assert np.isfinite(restoration.image).all()
    np.testing.assert_allclose(restoration.image, raw, rtol=0, atol=ROUNDING)
