"""AVIF of 10 and 12 bits, which Pillow cuts to 8; and HEIC, which is refused then.

Both are boxes of ISO/IEC 14496-12: a length, a name of four letters, and the content.
"""

from __future__ import annotations

import numpy as np

from keras_dip.errors import ImageError
from keras_dip.images.deep import Deep, chosen_page, split
from keras_dip.images.limits import check_pixels

_DEEP = {0x40: 10, 0x60: 12}  # flags of av1C, the box on how the pixels are coded


def bits_of(data: bytes) -> int:
    """Return how many bits each channel of an AVIF file has; 8 of any other file."""
    content = _content(data, b"av1C")
    return _DEEP.get(content[2] & 0x60, 8) if len(content) > 2 else 8


def check_heic(data: bytes, name: str) -> None:
    """Refuse a HEIC file of more than 8 bits: nothing at hand reads all of them."""
    content = _content(data, b"hvcC")
    bits = 8 + (content[17] & 7) if len(content) > 17 else 8
    if bits > 8:
        raise ImageError(
            "Expected a HEIC file of 8 bits (or convert it to a PNG or TIFF of 16). "
            f"Received: {name}, of {bits} bits."
        )


def decode(data: bytes, name: str, page: int | None, frames: int) -> Deep:
    """Decode an AVIF file of 10 or 12 bits; levels are stretched to 16.

    Args:
        data: The file.
        name: Of the file, for messages.
        page: Which of its pictures, counted from 1.
        frames: How many it has.
    """
    import imagecodecs

    index = chosen_page(frames, page, name)
    size = _content(data, b"ispe")  # four bytes of flags come first
    width, height = (int.from_bytes(size[i : i + 4], "big") for i in (4, 8))
    check_pixels(height, width, name)
    pixels = imagecodecs.avif_decode(data, index)
    full = 2 ** bits_of(data) - 1
    pixels = np.rint(pixels * (65535 / full)).astype("uint16")
    return split(pixels, pixels.ndim == 3 and pixels.shape[-1] in (2, 4), "AVIF")


def _content(data: bytes, box: bytes) -> bytes:
    """Return the first bytes of a box's content; nothing if the file has none."""
    start = data.find(box) if data[4:8] == b"ftyp" else -1
    return b"" if start < 0 else data[start + 4 : start + 24]
