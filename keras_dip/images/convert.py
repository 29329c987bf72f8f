"""Pictures in memory: Pillow images and arrays to floats in [0, 1], and back.

Integers are scaled by the largest value of their type. Going back clips, then rounds
to the nearest, so an unchanged picture returns to exactly the integers it came from.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import ExifTags, Image, ImageOps

from keras_dip.errors import ImageError
from keras_dip.images.info import Array, Depth, Floats, Range
from keras_dip.images.jpeg import JpegCoding, coding_of

_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_COLOUR_MODES = frozenset(
    {"RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr", "HSV"}
)
_FLOATS = ("float16", "float32", "float64")


@dataclass(frozen=True, eq=False)
class PictureType:
    """What a picture given by the user was before it became floats.

    Attributes:
        rank: 2 for HxW, 3 for HxWxC.
        dtype: "uint8", "uint16" or "float32".
        alpha: Transparency set aside, HxW floats in [0, 1]; or None.
        jpeg: How a JPEG was coded that Pillow opened and nobody touched; or None.
    """

    rank: Literal[2, 3]
    dtype: Literal["uint8", "uint16", "float32"]
    alpha: Floats | None = None
    jpeg: JpegCoding | None = None


def as_picture(img: Any) -> tuple[Floats, PictureType]:
    """Check a picture given to the Python API and turn it into floats.

    Args:
        img: Array HxW or HxWxC (uint8, uint16, bool, or floats in [0, 1]), or a Pillow
            image, which is turned upright, its alpha set aside, its palette expanded.

    Returns:
        A float32 array HxWxC in [0, 1] (a copy), and what it was made from.

    Raises:
        ImageError: If it is no such picture; a ValueError.
    """
    alpha = coding = None
    if isinstance(img, Image.Image):
        # What was loaded may have been changed since, and what is a draft is smaller.
        if getattr(img, "tile", None) and not getattr(img, "decoderconfig", None):
            coding = coding_of(img)
        img, alpha = _pillow_arrays(img)
    if isinstance(img, (str, bytes, os.PathLike)):
        raise ImageError(
            "Expected an array or a Pillow image (read a file first with "
            f"PIL.Image.open). Received: the path {os.fspath(img)!r}."
        )
    if not hasattr(img, "__array__"):
        raise ImageError(
            "Expected an array or a Pillow image. "
            f"Received: an object of type {type(img).__name__}."
        )
    array = np.asarray(img)
    _check_shape(array)
    dtype = _picture_dtype(array)
    return to_unit(array if array.ndim == 3 else array[..., None]), PictureType(
        rank=3 if array.ndim == 3 else 2,
        dtype=dtype,
        alpha=None if alpha is None else to_unit(alpha),
        jpeg=coding,
    )


def to_unit(array: Array) -> Floats:
    """Scale integers, booleans or floats to new float32 values in [0, 1]."""
    floats = array.astype(np.float32)
    if array.dtype.kind == "u":
        floats /= np.float32(np.iinfo(array.dtype).max)
    return floats


def range_of(pixels: Array, given: Range | None, name: str) -> Range | None:
    """Return the numbers that are black and white; None for 0 and 1.

    Args:
        pixels: Numbers of any type.
        given: What the user says they are, or None.
        name: Whose they are, for messages.

    Raises:
        ImageError: If not all numbers are finite, or lie in what was given, or 32-bit
            floats cannot hold the range.
    """
    if not np.isfinite(pixels).all():
        raise ImageError(
            f"Expected finite values. Received: {name}, with NaN or infinite values."
        )
    low, high = float(pixels.min()), float(pixels.max())
    most = float(np.finfo("float32").max)
    widest = max(abs(number) for number in (low, high, *(given or ())))
    if not widest <= most:
        raise ImageError(
            f"Expected numbers up to {most:.3g}, which 32-bit floats can hold. "
            f"Received: {name}, with {widest:.3g}."
        )
    if given is not None:
        if low < given[0] or high > given[1]:
            raise ImageError(
                f"Expected values from {given[0]:g} to {given[1]:g}. "
                f"Received: {name}, with {low:.7g} to {high:.7g}."
            )
        return given
    if low >= 0 and high <= 1:
        return None
    return (low, high) if high > low else (min(low, 0.0), max(high, 1.0))


def as_mask(picture: Array) -> Array:
    """Return where HxWxC values are above one half; channels that agree become one."""
    known: Array = picture > 0.5
    return known[..., :1] if (known == known[..., :1]).all() else known


def quantise(array: Array, dtype: Depth, data_range: Range | None = None) -> Array:
    """Clip floats to [0, 1] and round them to the nearest integer of `dtype`.

    Of "float32" they become the numbers of the range instead, where there is one.
    """
    if dtype == "float32":
        values: Array = np.clip(array, 0, 1).astype("float32")
        if data_range is None:
            return values
        low, high = data_range
        return (values.astype("float64") * (high - low) + low).astype("float32")
    highest = np.iinfo(dtype).max
    # float16 cannot hold 65535: every width but float64 is computed in float32.
    wide = array.astype(np.result_type(array.dtype, np.float32))
    levels: Array = np.floor(np.clip(wide, 0, 1) * highest + 0.5).astype(dtype)
    return levels


def upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF orientation says, once, and forget the orientation."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        # A damaged EXIF block says nothing about the pixels, which are still good.
        return image.copy()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the rest of the block is damaged, and is left behind
        bare, told = image.copy(), Image.Exif()
        told[ExifTags.Base.Orientation] = orientation
        bare.info = {**bare.info, "exif": told.tobytes()}
        return ImageOps.exif_transpose(bare)


def split_alpha(image: Image.Image) -> tuple[Array, Array | None]:
    """Return the grey HxW or colour HxWx3 integers of an image, and its alpha."""
    if image.mode.startswith("I;16"):
        if "transparency" in image.info:
            raise ImageError(
                "Expected a 16-bit grey picture without transparency. "
                "Received: one with a transparent grey level."
            )
        return np.asarray(image).astype(np.uint16), None
    if image.mode not in _GREY_MODES | _COLOUR_MODES:
        raise ImageError(
            "Expected 8-bit grey or colour, or 16-bit grey. "
            f"Received: a picture of Pillow mode {image.mode!r}."
        )
    base = "L" if image.mode in _GREY_MODES else "RGB"
    if not image.has_transparency_data:
        return np.asarray(image.convert(base)), None
    stacked = np.asarray(image.convert(base + "A"))
    pixels = stacked[..., 0] if base == "L" else stacked[..., :3]
    return pixels, stacked[..., -1]


def _pillow_arrays(image: Image.Image) -> tuple[Array, Array | None]:
    if 0 in image.size:
        raise ImageError(_no_pixels(image.size[::-1]))
    try:
        image = upright(image)
        image.load()
    except (OSError, SyntaxError) as error:
        raise ImageError(
            f"Expected a readable Pillow image. Received: a damaged one ({error})."
        ) from error
    if image.mode == "F":
        return np.asarray(image), None
    return split_alpha(image)


def _check_shape(array: Array) -> None:
    if array.ndim not in (2, 3):
        raise ImageError(
            "Expected a picture of shape (height, width) or (height, width, channels). "
            f"Received: shape {array.shape}."
        )
    if array.size == 0:
        raise ImageError(_no_pixels(array.shape))


def _no_pixels(shape: tuple[int, ...]) -> str:
    return f"Expected a picture with at least one pixel. Received: shape {shape}."


def _picture_dtype(array: Array) -> Literal["uint8", "uint16", "float32"]:
    name = array.dtype.name
    if name in ("uint8", "bool"):
        return "uint8"
    if name == "uint16":
        return "uint16"
    if name not in _FLOATS:
        raise ImageError(
            f"Expected uint8, uint16, bool or floats in [0, 1]. Received: dtype {name}."
        )
    if not np.isfinite(array).all():
        raise ImageError("Expected finite values. Received: NaN or infinite values.")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        raise ImageError(
            f"Expected values in [0, 1]. Received: min {low:.7g}, max {high:.7g}."
        )
    return "float32"
