"""The size of a picture by the first bytes of its file, without its pixels."""

from __future__ import annotations

import os
import warnings

from PIL import Image


def looks(path: str | os.PathLike[str]) -> tuple[int, int, str] | None:
    """Return (width, height, mode) as Pillow tells them; None where it cannot.

    It is a guess of what `read` will give, for sorting: EXIF may turn the picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whoever reads the pixels warns
            with Image.open(path) as image:
                return (*image.size, image.mode)
    except Exception:  # of many kinds; whoever reads the file says what is wrong
        return None
