"""Float arrays to picture files, in the depth and with the properties of the input.

A picture is encoded in memory, so that a failing encoder touches no file.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from keras_dip.errors import ImageError
from keras_dip.images.convert import quantise
from keras_dip.images.info import Array, ImageInfo
from keras_dip.images.output import (
    atomic_write,
    check_format,
    check_output,
    format_of,
)

# The settings that lose nothing, or for JPEG little.
_SETTINGS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
}
_DEFAULT = ImageInfo(mode="RGB")


def write(
    array: Array,
    destination: str | os.PathLike[str],
    *,
    info: ImageInfo | None = None,
    inputs: Iterable[str | os.PathLike[str]] = (),
    force: bool = False,
) -> None:
    """Write a picture file; the format follows from the suffix.

    Args:
        array: Floats, HxW or HxWxC with 1 (grey), 2 (grey, alpha), 3 (colour) or 4
            (colour, alpha) channels; clipped to [0, 1], then rounded.
        destination: Path, or "-" for a PNG on standard output.
        info: Depth, alpha, colour profile and EXIF to carry, as `read` gave them.
        inputs: Files that must not be overwritten, even with `force`.
        force: Replace an existing file.

    Raises:
        ImageError: If it cannot be written, or not without losing alpha or depth.
    """
    info = info or _DEFAULT
    check_output(destination, inputs=inputs, force=force, info=info)
    format = format_of(destination)
    image = _image(np.asarray(array), info, format)
    settings = {**_SETTINGS.get(format, {}), **_carried(info, format)}
    data = io.BytesIO()
    try:
        image.save(data, format, **settings)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"Expected a picture that {format} can hold. Received: one of "
            f"{image.width}x{image.height} pixels ({error})."
        ) from error
    atomic_write(destination, lambda file: file.write(data.getbuffer()))


def _image(array: Array, info: ImageInfo, format: str) -> Image.Image:
    """Build the image of the integers, with the alpha of the array or of the input."""
    _check_array(array)
    array = array[..., None] if array.ndim == 2 else array
    channels = quantise(array, info.dtype)
    colours = 3 if channels.shape[2] > 2 else 1
    own_alpha = channels.shape[2] > colours
    deep = info.dtype == "uint16"
    has_alpha = own_alpha or info.alpha is not None
    check_format(format, has_alpha, deep)
    if deep and (has_alpha or colours == 3):
        raise ImageError(
            "Expected a grey picture without transparency for 16 bits. "
            f"Received: shape {array.shape}{' with alpha' if has_alpha else ''}."
        )
    if info.alpha is not None and not own_alpha:
        alpha = _fitted_alpha(info.alpha, channels.shape[:2])
        channels = np.concatenate([channels, alpha[..., None]], axis=-1)
    return Image.fromarray(channels[..., 0] if channels.shape[2] == 1 else channels)


def _check_array(array: Array) -> None:
    if array.dtype.kind != "f":
        raise ImageError(f"Expected floats in [0, 1]. Received: dtype {array.dtype}.")
    if array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= 4):
        raise ImageError(
            "Expected a picture of shape (height, width) or (height, width, channels) "
            f"with 1 to 4 channels. Received: shape {array.shape}."
        )
    if array.size == 0:
        raise ImageError(
            f"Expected a picture with at least one pixel. Received: {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ImageError("Expected finite values. Received: NaN or infinite values.")


def _fitted_alpha(alpha: Array, shape: tuple[int, ...]) -> Array:
    """Return alpha untouched, or enlarged where the picture is a whole multiple."""
    if alpha.shape == shape:
        return alpha
    factor = shape[0] // alpha.shape[0]
    if shape != (alpha.shape[0] * factor, alpha.shape[1] * factor):
        raise ImageError(
            f"Expected a picture of the size of its alpha, {alpha.shape}, or a "
            f"multiple of it. Received: {shape}."
        )
    enlarged = Image.fromarray(alpha).resize(shape[::-1], Image.Resampling.LANCZOS)
    return np.asarray(enlarged)


def _carried(info: ImageInfo, format: str) -> dict[str, bytes]:
    carried = {"icc_profile": info.icc_profile, "exif": info.exif}
    present = {name: block for name, block in carried.items() if block}
    if present and format == "BMP":
        warnings.warn(
            f"BMP cannot hold {' or '.join(present)}: left out.", stacklevel=3
        )
        return {}
    return present
