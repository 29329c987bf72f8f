"""Picture files to float arrays in [0, 1], and everything else they say.

Pillow reads what it reads without loss; `deep` and `arrays` the rest.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from keras_dip.errors import ImageError
from keras_dip.images import arrays, avif, deep, pnm
from keras_dip.images.convert import (
    as_mask,
    range_of,
    split_alpha,
    to_unit,
    upright,
)
from keras_dip.images.info import Array, Depth, Floats, ImageInfo, Range
from keras_dip.images.jpeg import coding_of
from keras_dip.images.limits import most_pixels, too_many

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "AVIF", "HEIF")
READABLE = "PNG, JPEG, TIFF, WebP, BMP, PNM, .npy, .npz" + (
    ", AVIF" if features.check("avif") else ""
)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
T = TypeVar("T")
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_ORIENTATION = 274
_XMP = 700
_BITS, _EXTRA_SAMPLES = 258, 338  # tags of TIFF
# How a TIFF lays out its pixels is told in the same table as who made it. These tags
# describe the file that was read, and would corrupt the next one.
_LAYOUT_TAGS = frozenset(
    {*range(254, 267), 273, *range(277, 282), 284, *range(288, 294), 301, 317}
    | {*range(320, 348), *range(512, 533), _XMP, 34675}
)


def read(
    source: str | os.PathLike[str],
    *,
    page: int | None = None,
    data_range: Range | None = None,
) -> tuple[Floats, ImageInfo]:
    """Read a picture file.

    Args:
        source: Path, or "-" for the bytes of standard input.
        page: Which picture of several in the file, counted from 1; None refuses those.
        data_range: The numbers that are black and white in a file of floats or of
            integers of another kind than 8 or 16 bits without sign; no other file has
            any. None for 0 and 1 where all lie there, else for the least and the
            largest.

    Returns:
        A float32 array in [0, 1], HxW (grey) or HxWxC (colour, or other bands), turned
        upright, and the properties of the file, among them its alpha.

    Raises:
        ImageError: If it cannot be read, or not without losing something.
    """
    data, name = _contents(source), _name(source)
    if not data:
        raise ImageError(f"Expected a picture file. Received: {name}, which is empty.")
    found, index = _guarded(lambda: _decode_deep(data, name, page), name)
    if found is None:
        image = _guarded(lambda: _decode(data, name, page, index), name)
        if data_range is not None:
            raise _no_range(name)
        return _from_pillow(image)
    pixels, alpha = found.pixels, found.alpha
    values, dtype, limits = _scaled(pixels, data_range, name)
    channels = "" if pixels.ndim == 2 else f"x{pixels.shape[2]}"
    info = ImageInfo(
        mode=f"{pixels.dtype.name}{channels}",
        dtype=dtype,
        alpha=None if alpha is None else _alpha_of(alpha, dtype),
        format=found.format,
        data_range=limits,
        **found.more,
    )
    return values, info


def _from_pillow(image: Image.Image) -> tuple[Floats, ImageInfo]:
    """Return the array and the properties of an image that Pillow decoded."""
    turned = upright(image)
    pixels, alpha = split_alpha(turned)
    # Pillow turns CMYK into RGB, which a CMYK profile no longer describes.
    profile = None if image.mode == "CMYK" else image.info.get("icc_profile")
    info = ImageInfo(
        mode=image.mode,
        dtype="uint16" if pixels.dtype == np.uint16 else "uint8",
        alpha=alpha,
        icc_profile=profile or None,
        # Turning removes the orientation; a TIFF keeps its tags in the file's image.
        exif=_exif(image if image.format == "TIFF" else turned),
        # Telephones write JPEG files with a second, hidden picture: Pillow's "MPO".
        format={"MPO": "JPEG", "PPM": "PNM"}.get(image.format or "", image.format),
        jpeg=coding_of(image),
        dpi=_dpi(image),
        xmp=_xmp(image),
    )
    return to_unit(pixels), info


def _scaled(
    pixels: Array, given: Range | None, name: str
) -> tuple[Floats, Depth, Range | None]:
    """Return numbers of any type in [0, 1], the depth to write, and their range."""
    depths: dict[str, Depth] = {"bool": "uint8", "uint8": "uint8", "uint16": "uint16"}
    depth = depths.get(pixels.dtype.name)
    if depth is not None and given is not None:
        raise _no_range(name)
    if depth is not None:
        return to_unit(pixels), depth, None
    limits = range_of(pixels, given, name)
    if limits is None:
        return pixels.astype("float32"), "float32", None
    low, high = limits
    values = (pixels.astype("float64") - low) / (high - low)
    return values.clip(0, 1).astype("float32"), "float32", limits


def _alpha_of(alpha: Array, dtype: Depth) -> Array:
    """Return transparency in the depth to write; of other integers, floats to 1."""
    if dtype == "float32" and alpha.dtype.kind in "ui":
        return (alpha / np.iinfo(alpha.dtype).max).astype("float32")
    return alpha.astype(dtype)


def _no_range(name: str) -> ImageError:
    return ImageError(
        "Expected a data range (--data-range) for floats, or integers of other kinds "
        f"than 8 or 16 bits, alone. Received: one for {name}, which needs none."
    )


def read_mask(source: str | os.PathLike[str], *, alpha: bool = False) -> Floats:
    """Read a mask: 1 where the file is brighter than one half (known), else 0.

    Args:
        source: Path, or "-" for the bytes of standard input.
        alpha: Take the transparency of the file instead of its colours.

    Returns:
        A float32 array of zeros and ones, HxW; HxWx3 if the channels differ.

    Raises:
        ImageError: If it cannot be read, or has no alpha where `alpha` is set.
    """
    array, info = read(source)
    if alpha:
        if info.alpha is None:
            raise ImageError(
                "Expected a picture with transparency. "
                f"Received: {_name(source)}, which has none."
            )
        array = to_unit(info.alpha)
    known = as_mask(array if array.ndim == 3 else array[..., np.newaxis])
    mask: Floats = known.astype(np.float32)
    return mask[..., 0] if mask.shape[2] == 1 else mask


def _name(source: str | os.PathLike[str]) -> str:
    path = os.fspath(source)
    return "standard input" if path == "-" else repr(path)


def _contents(source: str | os.PathLike[str]) -> bytes:
    path = os.fspath(source)
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        mode = os.stat(path).st_mode
        # A pipe that nobody writes to would be waited for without end.
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise ImageError(
                f"Expected an ordinary file (or - for standard input). "
                f"Received: {_name(source)}, a pipe or device."
            )
        return Path(path).read_bytes()
    except ImageError:
        raise
    except FileNotFoundError:
        reason = "which does not exist"
    except OSError as error:
        folder = path != "-" and Path(path).is_dir()
        reason = "a folder" if folder else f"{error.strerror or error}"
    except ValueError as error:
        reason = str(error)
    raise ImageError(
        f"Expected a picture file. Received: {_name(source)}, {reason}."
    ) from None


def _decode_deep(
    data: bytes, name: str, page: int | None
) -> tuple[deep.Deep | None, int | None]:
    """Decode what Pillow would cut or refuse; None for everything else.

    Returns:
        What was decoded, or None, and which of a TIFF's pages was chosen.
    """
    if data.startswith((arrays.NPY, arrays.ZIP)):
        deep.chosen_page(1, page, name)
        return deep.split(arrays.decode(data, name), False, "NPY"), None
    if deep.is_deep_png(data):
        return _turned(deep.decode_png(data, name, page), _metadata(data)), None
    if avif.bits_of(data) > 8:
        told = _metadata(data)
        decoded = avif.decode(data, name, page, told.pop("frames", 1))
        return _turned(decoded, told), None
    avif.check_heic(data, name)
    if pnm.is_pnm(data):
        return pnm.decode(data, name, page), None
    if data[:4] in _TIFF:
        try:
            found, index = deep.decode_tiff(data, name, page)
        except ImageError:
            raise
        except Exception:  # Pillow has the words for what is damaged
            return None, None
        if found is not None:
            found.more.setdefault("exif", _metadata(data, index).get("exif"))
        return found, index
    return None, None


def _turned(found: deep.Deep, told: dict[str, Any]) -> deep.Deep:
    """Return decoded pixels upright, with what `_metadata` told of them."""
    turn = deep.TURNS.get(told.pop("orientation"), lambda array: array)
    told.pop("frames", None)
    alpha = None if found.alpha is None else turn(found.alpha)
    return deep.Deep(turn(found.pixels), alpha, found.format, **told)


def _metadata(data: bytes, index: int = 0) -> dict[str, Any]:
    """Return what goes with the pixels, as Pillow reads it without decoding them.

    Those are attributes of `ImageInfo`, the orientation, and how many frames there are.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_known_formats()) as image:
            if index:
                image.seek(index)
            try:
                orientation = image.getexif().get(_ORIENTATION, 1)
            except Exception:
                orientation = 1
            return {
                "orientation": orientation,
                "frames": getattr(image, "n_frames", 1),
                "icc_profile": image.info.get("icc_profile") or None,
                "exif": _exif(image),
                "dpi": _dpi(image),
                "xmp": _xmp(image),
            }
    except (*_BOMBS, UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return {"orientation": 1}


def _known_formats() -> tuple[str, ...]:
    Image.init()
    return tuple(format for format in _FORMATS if format in Image.OPEN)


def _guarded(decode: Callable[[], T], name: str) -> T:
    """Run a decoder; whatever it meets is told in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return decode()
        except ImageError:
            raise
        except _BOMBS as error:
            raise too_many(name) from error
        except UnidentifiedImageError as error:
            raise ImageError(
                f"Expected a picture ({READABLE}). Received: {name}, "
                "which is not a picture, or damaged."
            ) from error
        except Exception as error:
            # Decoders meet damaged bytes with errors of many kinds.
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ImageError(
                f"Expected a complete picture file. Received: {name}, which is "
                f"truncated or damaged ({reason})."
            ) from error


def _decode(data: bytes, name: str, page: int | None, index: int | None) -> Image.Image:
    """Return Pillow's image of a file with its pixels loaded.

    `index` is that of a TIFF's page, where it is known; previews have one too.
    """
    image = Image.open(io.BytesIO(data), formats=_known_formats())
    if index is None:
        # The second picture of an MPO is hidden: it counts as one.
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        index = deep.chosen_page(frames, page, name)
    if image.width * image.height > most_pixels():
        raise too_many(name)
    if index:
        image.seek(index)
        if image.width * image.height > most_pixels():
            raise too_many(name)
    _check_complete(image, name)
    image.load()
    return image


def _check_complete(image: Image.Image, name: str) -> None:
    """Refuse a TIFF of which Pillow would drop bands or bits; the rest could not."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (1,))
    if 0 in tags.get(_EXTRA_SAMPLES, ()) or (len(bits) > 1 and max(bits) > 8):
        raise ImageError(
            "Expected a TIFF that can be read without loss. "
            f"Received: {name}, which is damaged, or coded in a way not known here."
        )


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    """Return pixels per inch, across and down, if the file says so sensibly."""
    try:
        x, y = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None


def _xmp(image: Image.Image) -> bytes | None:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if image.format == "TIFF":
        packet = image.getexif().get(_XMP) or packet
    if isinstance(packet, str):
        packet = packet.encode()
    return packet if isinstance(packet, bytes) and packet else None


def _exif(image: Image.Image) -> bytes | None:
    """Return the EXIF block without what only described the file it came in."""
    try:
        exif = image.getexif()
        for tag in _LAYOUT_TAGS.union({_ORIENTATION}).intersection(exif):
            del exif[tag]
        return exif.tobytes() if len(exif) else None
    except Exception as error:
        warnings.warn(
            f"The EXIF block is damaged and left out ({error}).", stacklevel=3
        )
        return None
