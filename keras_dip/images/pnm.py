"""PNM files (PGM, PPM, PAM and PFM) that Pillow would cut to 8 bits, or refuse."""

from __future__ import annotations

import io
import math

import numpy as np

from keras_dip.errors import ImageError
from keras_dip.images.deep import MOST_PAGES, Deep, chosen_page, split
from keras_dip.images.info import Array
from keras_dip.images.limits import check_pixels

_PLAIN, _FLOATS = (b"P2", b"P3"), (b"PF", b"Pf")
_MAGIC = (*_PLAIN, b"P5", b"P6", b"P7", *_FLOATS)
_HEAD = 4096  # bytes that a header is looked for in


def is_pnm(data: bytes) -> bool:
    """Tell whether this is a PNM file with more to it than Pillow reads."""
    return data[:2] in _MAGIC and data[2:3].isspace()


def decode(data: bytes, name: str, page: int | None) -> Deep:
    """Decode a PGM, PPM, PAM or PFM file; levels are stretched to 8 or 16 bits.

    Raises:
        ImageError: If it holds several pictures and none is chosen, or is too large.
    """
    import netpbmfile

    parts = [data] if data[:2] in _PLAIN else _pictures(data)
    chosen = parts[chosen_page(len(parts), page, name)]
    with netpbmfile.NetpbmFile(io.BytesIO(chosen)) as file:
        shape, highest = file.shape, file.maxval
        check_pixels(shape[0], shape[1], name, file.depth)
        if np.prod(shape, dtype=float) > len(data):
            raise ValueError("more pixels than bytes")
        pixels, has_alpha = file.asarray(), file.tupltype.endswith("_ALPHA")
    if pixels.shape != shape:
        raise ImageError(
            f"Expected one picture of shape {shape}. Received: {name}, with more "
            "values than that."
        )
    if data[:2] in _FLOATS:
        pixels = pixels[::-1]  # these alone begin with the lowest row
    if pixels.dtype.kind == "u":
        pixels = _stretched(pixels, highest, name)
    return split(pixels, has_alpha, "PNM")


def encode(pixels: Array) -> bytes:
    """Return a PGM (HxW) or PPM (HxWx3) file of 8 or 16 bits."""
    import netpbmfile

    buffer = io.BytesIO()
    netpbmfile.imwrite(buffer, pixels)
    return buffer.getvalue()


def _pictures(data: bytes) -> list[bytes]:
    """Return the files that follow one another in a file."""
    import netpbmfile

    parts: list[bytes] = []
    start = 0
    while not parts or is_pnm(data[start : start + 3]):
        if len(parts) == MOST_PAGES:
            raise ValueError("pictures without end")
        with netpbmfile.NetpbmFile(io.BytesIO(data[start : start + _HEAD])) as file:
            sides = (file.height, file.width, max(1, file.depth), file.dtype.itemsize)
            end = start + file.dataoffset + math.prod(sides)
        parts.append(data[start:end])
        while data[end : end + 1].isspace():
            end += 1
        start = end
    return parts


def _stretched(pixels: Array, highest: int, name: str) -> Array:
    """Return levels from 0 to `highest` as those of the whole type."""
    if pixels.max() > highest:
        raise ImageError(
            f"Expected values from 0 to {highest}, as its header says. "
            f"Received: {name}, with {pixels.max()}."
        )
    full = np.iinfo(pixels.dtype).max
    if highest == full:
        return pixels
    return np.rint(pixels * (full / highest)).astype(pixels.dtype)
