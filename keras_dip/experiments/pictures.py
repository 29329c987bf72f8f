"""The pictures that studies are made on: natural, noisy, shuffled, holed."""

import os

import numpy as np
from PIL import Image

from keras_dip import images
from keras_dip.errors import ImageError
from keras_dip.images.convert import quantise, to_unit

LEAST_SIDE = 16
SAMPLE = (slice(0, 256), slice(96, 352))
"""Rows and columns of the astronaut: face, shoulders, a flag behind."""


def natural(source: str | os.PathLike[str] | None, size: int) -> np.ndarray:
    """Return a square picture of `size` pixels a side, floats in [0, 1], [h, w, c].

    Args:
        source: a picture file, whose largest square around its centre is reduced; None
            for a photograph that comes with scikit-image. Alpha is left out.
        size: side in pixels.

    Raises:
        ImageError: if it cannot be read, or is smaller than that.
    """
    if source is None:
        from skimage import data

        # Eileen Collins, NASA, public domain.
        whole = to_unit(data.astronaut()[SAMPLE])
    else:
        whole, _ = images.read(source)
    height, width = whole.shape[:2]
    side = min(height, width)
    if not LEAST_SIDE <= size <= side:
        raise ImageError(
            f"Expected a size of {LEAST_SIDE} to {side} pixels, the shorter side of "
            f"the picture. Received: {size}."
        )
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(
        quantise(whole[top : top + side, left : left + side], "uint8")
    )
    reduced = np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
    return to_unit(reduced if reduced.ndim == 3 else reduced[..., None])


def with_noise(picture: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Return the picture with Gaussian noise, as an 8-bit file would hold it."""
    noise = np.random.default_rng([seed, 1]).normal(0, sigma, picture.shape)
    return to_unit(quantise(picture + noise, "uint8"))


def shuffled(picture: np.ndarray, seed: int) -> np.ndarray:
    """Return the picture with its pixels, whole with their colours, in random order."""
    pixels = picture.reshape(-1, picture.shape[2])
    return np.random.default_rng([seed, 2]).permutation(pixels).reshape(picture.shape)


def uniform_noise(picture: np.ndarray, seed: int) -> np.ndarray:
    """Return white noise in [0, 1) of the picture's shape, float32."""
    return np.random.default_rng([seed, 3]).random(picture.shape, "float32")


def scattered_mask(picture: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return a mask [h, w], False (missing) at about a share of the pixels."""
    return np.random.default_rng([seed, 4]).random(picture.shape[:2]) >= share


def hole_mask(picture: np.ndarray, share: float = 0.3) -> np.ndarray:
    """Return a mask [h, w], False (missing) in a square of `share` of the sides.

    The square lies to the upper left, where in the sample hair meets the wall.
    """
    height, width = picture.shape[:2]
    rows, columns = round(height * share), round(width * share)
    top, left = round(height * 0.12), round(width * 0.2)
    mask = np.ones((height, width), bool)
    mask[top : top + rows, left : left + columns] = False
    return mask
