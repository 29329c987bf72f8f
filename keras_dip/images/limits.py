"""How large a picture file may say it is."""

from __future__ import annotations

import os

from PIL import Image

from keras_dip.errors import ImageError

VARIABLE = "KERAS_DIP_MAX_PIXELS"
"""Environment variable with another limit, in pixels."""

CHANNELS = 4
"""Values for each pixel of a picture as large as the limit."""


def most_pixels() -> int:
    """Return the largest number of pixels that is read.

    Raises:
        ImageError: If the environment variable is not a number.
    """
    given = os.environ.get(VARIABLE)
    if given is None:
        return Image.MAX_IMAGE_PIXELS or 2**62
    if not given.isdecimal() or int(given) == 0:
        raise ImageError(
            f"Expected a number of pixels in {VARIABLE}. Received: {given!r}."
        )
    return int(given)


def check_pixels(height: int, width: int, name: str, channels: int = 1) -> None:
    """Refuse a picture that is larger than the limit; ImageError.

    The limit is one of pixels; a picture of many channels may have four values, as
    colours and transparency have, for each pixel of the limit.
    """
    values = height * width * max(1, channels)
    if height * width > most_pixels() or values > CHANNELS * most_pixels():
        raise too_many(name)


def too_many(name: str) -> ImageError:
    """Return the refusal of a picture that is too large."""
    return ImageError(
        f"Expected a picture of at most {most_pixels()} pixels, and {CHANNELS} times "
        f"as many values (the environment variable {VARIABLE} sets another limit). "
        f"Received: {name}, which may be a decompression bomb."
    )
