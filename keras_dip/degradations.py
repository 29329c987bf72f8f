"""Damage for clean pictures, as the literature makes it: from a seed, in 8 bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from keras_dip.errors import ImageError
from keras_dip.images.convert import quantise
from keras_dip.images.info import Array, Floats

_TASKS = {"noise": "denoise", "downscale": "super_resolve", "missing": "inpaint"}


@dataclass(frozen=True)
class Degradation:
    """A damage that is added to clean pictures.

    `kind` is "noise" (`amount` is its standard deviation in 8-bit grey levels),
    "downscale" (how many times smaller) or "missing" (the share of pixels).
    """

    kind: str
    amount: float

    @property
    def task(self) -> str:
        """The name of the task that takes it out again."""
        return _TASKS[self.kind]


def parse_degradation(text: str) -> Degradation:
    """Return the degradation that a text such as "noise:25" stands for.

    Raises:
        ValueError: If it stands for none.
    """
    kind, _, number = text.partition(":")
    try:
        amount = float(number)
    except ValueError:
        amount = math.nan
    good = {
        "noise": 0 < amount <= 255,
        "downscale": amount >= 2 and amount.is_integer(),
        "missing": 0 < amount < 1,
    }
    if not good.get(kind, False):
        raise ValueError(
            "Expected noise:SIGMA (above 0, at most 255), downscale:FACTOR (an integer "
            f"of 2 or more) or missing:SHARE (between 0 and 1). Received: {text!r}"
        )
    return Degradation(kind, amount)


def degrade(
    clean: Floats, degradation: Degradation, seed: int
) -> tuple[Array, Array | None]:
    """Return a degraded copy of a picture as 8-bit integers, and its mask or None.

    Raises:
        ImageError: If the sides are no multiples of the factor of a downscaling.
    """
    random, amount = np.random.default_rng(seed), degradation.amount
    if degradation.kind == "noise":
        noise = random.normal(0, amount / 255, clean.shape)
        return quantise(clean + noise, "uint8"), None
    height, width = clean.shape[:2]
    if degradation.kind == "downscale":
        factor = int(amount)
        if height % factor or width % factor:
            raise ImageError(
                f"Expected sides that are multiples of {factor} (see --crop-multiple). "
                f"Received: {width}x{height} pixels."
            )
        size = (width // factor, height // factor)
        return resized(clean, *size, Image.Resampling.LANCZOS), None
    known = random.random((height, width)) >= amount
    picture = quantise(clean, "uint8")
    return picture * (known if picture.ndim == 2 else known[..., None]), known


def crop(array: Array, multiple: int) -> Array:
    """Return the centre of an array [h, w, ...] whose sides are multiples.

    Raises:
        ImageError: If it is smaller than that.
    """
    height, width = (side - side % multiple for side in array.shape[:2])
    if not height or not width:
        raise ImageError(
            f"Expected a picture of at least {multiple} pixels a side. "
            f"Received: {array.shape[1]}x{array.shape[0]} pixels."
        )
    top, left = (array.shape[0] - height) // 2, (array.shape[1] - width) // 2
    return array[top : top + height, left : left + width]


def resized(
    picture: Floats, width: int, height: int, method: Image.Resampling
) -> Array:
    """Return an 8-bit copy of a picture in another size, by Pillow."""
    image = Image.fromarray(quantise(picture, "uint8"))
    return np.asarray(image.resize((width, height), method))
