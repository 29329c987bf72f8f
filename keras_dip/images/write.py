"""Float arrays to picture files, in the depth and with the properties of the input.

A picture is encoded in memory, so that a failing encoder touches no file.
"""

from __future__ import annotations

import dataclasses
import io
import os
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from keras_dip.errors import ImageError
from keras_dip.images import arrays, deep, pnm
from keras_dip.images.convert import quantise
from keras_dip.images.formats import FORMATS, check_format
from keras_dip.images.info import Array, ImageInfo
from keras_dip.images.output import atomic_write, check_output, format_of

# The settings that lose nothing, or for JPEG and AVIF little.
_SETTINGS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}
_DEFAULT = ImageInfo(mode="RGB")
_SOFTWARE, _XMP = 305, 700
# A segment of JPEG has 65535 bytes, two of them its length. XMP's begins with a name;
# a profile may have 255, each with a name and two counters.
_LONGEST = {
    "icc_profile": 255 * (65533 - len(b"ICC_PROFILE\0") - 2),
    "exif": 65533,
    "xmp": 65533 - len(b"http://ns.adobe.com/xap/1.0/\0"),
}


def write(
    array: Array,
    destination: str | os.PathLike[str],
    *,
    info: ImageInfo | None = None,
    inputs: Iterable[str | os.PathLike[str]] = (),
    force: bool = False,
    format: str | None = None,
) -> None:
    """Write a picture file.

    Args:
        array: Floats, HxW or HxWxC with 1 (grey), 2 (grey, alpha), 3 (colour), 4
            (colour, alpha) or more channels; clipped to [0, 1], then brought to the
            depth and the range of `info`.
        destination: Path, or "-" for standard output.
        info: Depth, alpha, colour profile and all else to carry, as `read` gave it.
        inputs: Files that must not be overwritten, even with `force`.
        force: Replace an existing file.
        format: One of `formats.FORMATS`; None for that of the suffix.

    Raises:
        ImageError: If it cannot be written, or not without losing alpha or depth.
    """
    info = info or _DEFAULT
    check_output(destination, inputs=inputs, force=force, info=info, format=format)
    name = format or format_of(destination)
    array = np.asarray(array)
    _check_array(array)
    pixels, has_alpha = _with_alpha(array, info)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    check_format(name, info.dtype, channels - has_alpha, has_alpha)
    data = _encoded_somehow(pixels, has_alpha, info, name)
    atomic_write(destination, lambda file: file.write(data))


def _encoded_somehow(
    pixels: Array, has_alpha: bool, info: ImageInfo, name: str
) -> bytes:
    """Return the bytes of a file; what goes with the pixels costs no picture."""
    try:
        try:
            return _encoded(pixels, has_alpha, info, name)
        except Exception as error:  # of many kinds, where an EXIF block is odd
            bare = dataclasses.replace(
                info, icc_profile=None, exif=None, xmp=None, dpi=None, note=None
            )
            data = _encoded(pixels, has_alpha, bare, name)
            warnings.warn(
                f"{name} cannot hold this profile, EXIF, XMP or resolution: all left "
                f"out ({error}).",
                stacklevel=3,
            )
            return data
    except (OSError, ValueError) as error:
        raise ImageError(
            f"Expected a picture that {name} can hold. Received: one of "
            f"{pixels.shape[1]}x{pixels.shape[0]} pixels ({error})."
        ) from error


def _encoded(pixels: Array, has_alpha: bool, info: ImageInfo, name: str) -> bytes:
    """Return the bytes of a file: by Pillow what it can hold, else by others."""
    colours = (1 if pixels.ndim == 2 else pixels.shape[2]) - has_alpha
    if name in ("NPY", "NPZ"):
        return arrays.encode(pixels, name)
    if name == "PNM":
        _warn_of_lost(info, name)
        return pnm.encode(pixels)
    by_pillow = colours in (1, 3) and (
        pixels.dtype == np.uint8 or (pixels.dtype == np.uint16 and pixels.ndim == 2)
    )
    if by_pillow:
        buffer = io.BytesIO()
        settings = {**_SETTINGS.get(name, {}), **_carried(info, name)}
        Image.fromarray(pixels).save(buffer, name, **settings)
        return buffer.getvalue()
    if name == "PNG":
        return deep.encode_png(pixels, info)
    return deep.encode_tiff(pixels, has_alpha, info)


def _with_alpha(array: Array, info: ImageInfo) -> tuple[Array, bool]:
    """Return the pixels of the file's depth, with the array's alpha or the input's."""
    array = array[..., None] if array.ndim == 2 else array
    count = array.shape[2]
    # Bands are told from a picture with alpha by how the file named them.
    own = count in (2, 4) and not info.mode.endswith(f"x{count}")
    channels = quantise(array, info.dtype, info.data_range)
    if own:
        # Transparency has no range but its own.
        channels[..., -1] = quantise(array[..., -1], info.dtype)
    elif info.alpha is not None:
        alpha = _fitted_alpha(info.alpha, channels.shape[:2])
        channels = np.concatenate([channels, alpha[..., None]], axis=-1)
    has_alpha = own or info.alpha is not None
    return channels[..., 0] if channels.shape[2] == 1 else channels, has_alpha


def _check_array(array: Array) -> None:
    if array.dtype.kind != "f":
        raise ImageError(f"Expected floats in [0, 1]. Received: dtype {array.dtype}.")
    if array.ndim not in (2, 3):
        raise ImageError(
            "Expected a picture of shape (height, width) or (height, width, channels). "
            f"Received: shape {array.shape}."
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
    if alpha.dtype == np.uint8:
        small = Image.fromarray(alpha)
        return np.asarray(small.resize(shape[::-1], Image.Resampling.LANCZOS))
    floats = Image.fromarray(alpha.astype("float32"))
    large = np.asarray(floats.resize(shape[::-1], Image.Resampling.LANCZOS))
    if alpha.dtype.kind == "f":
        return large.clip(alpha.min(), alpha.max()).astype(alpha.dtype)
    return np.rint(large.clip(0, np.iinfo(alpha.dtype).max)).astype(alpha.dtype)


def _carried(info: ImageInfo, name: str) -> dict[str, Any]:
    """Return Pillow's arguments for the metadata that the format can hold."""
    _warn_of_lost(info, name)
    can = FORMATS[name].carries
    carried: dict[str, Any] = {}
    if (
        info.icc_profile
        and "icc_profile" in can
        and not _is_too_long("icc_profile", info, name)
    ):
        carried["icc_profile"] = info.icc_profile
    if info.dpi and "dpi" in can:
        carried["dpi"] = info.dpi
    exif = Image.Exif()
    if info.exif and "exif" in can and not _is_too_long("exif", info, name):
        exif.load(info.exif)
    if name == "PNG":
        texts = PngImagePlugin.PngInfo()
        if info.xmp:
            texts.add_itxt("XML:com.adobe.xmp", info.xmp.decode("utf-8", "replace"))
        if info.note:
            texts.add_text("Software", info.note)
        carried["pnginfo"] = texts
    elif info.note and "note" in can:
        exif[_SOFTWARE] = info.note
    if info.xmp and name == "TIFF":
        exif[_XMP] = info.xmp
    elif info.xmp and name in ("JPEG", "WEBP", "AVIF"):
        if not _is_too_long("xmp", info, name):
            carried["xmp"] = info.xmp
    if len(exif):
        block = exif.tobytes()
        # With the note it can be too long where it was not before.
        fits = name != "JPEG" or len(block) <= _LONGEST["exif"]
        carried["exif"] = block if fits else info.exif
    return carried


def _is_too_long(key: str, info: ImageInfo, name: str) -> bool:
    return name == "JPEG" and len(getattr(info, key) or b"") > _LONGEST[key]


def _warn_of_lost(info: ImageInfo, name: str) -> None:
    """Say what the input's file held and this format cannot."""
    words = {"icc_profile": "colour profile", "exif": "EXIF", "xmp": "XMP"}
    lost = [
        word
        for key, word in words.items()
        if getattr(info, key) and key not in FORMATS[name].carries
    ]
    lost += [
        f"{words[key]} of {len(getattr(info, key))} bytes"
        for key in _LONGEST
        if _is_too_long(key, info, name)
    ]
    if lost:
        warnings.warn(
            f"{name} cannot hold {' or '.join(lost)}: left out.", stacklevel=5
        )
