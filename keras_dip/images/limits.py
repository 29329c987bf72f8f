"""How large a picture file may say it is."""

from __future__ import annotations

import os

from PIL import Image

from keras_dip.errors import ImageError

VARIABLE = "KERAS_DIP_MAX_PIXELS"
"""Environment variable with another limit, in pixels."""


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


def check_pixels(height: int, width: int, name: str) -> None:
    """Refuse a picture that is larger than the limit; ImageError."""
    if height * width > most_pixels():
        raise too_many(name)


def too_many(name: str) -> ImageError:
    """Return the refusal of a picture that is too large."""
    return ImageError(
        f"Expected a picture of at most {most_pixels()} pixels (the environment "
        f"variable {VARIABLE} sets another limit). "
        f"Received: {name}, which may be a decompression bomb."
    )
