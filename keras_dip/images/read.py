"""Picture files to float arrays in [0, 1], and everything else they say.

Colours and depth that Pillow would cut silently are refused, never reduced.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from keras_dip.errors import ImageError
from keras_dip.images.convert import as_mask, split_alpha, to_unit, upright
from keras_dip.images.info import Floats, ImageInfo
from keras_dip.images.jpeg import coding_of

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_ORIENTATION = 274
_BITS_PER_SAMPLE = 258
_PHOTOMETRIC = 262
# How a TIFF lays out its pixels is told in the same table as who made it. These tags
# describe the file that was read, and would corrupt the next one.
_LAYOUT_TAGS = frozenset(
    {*range(254, 267), 273, *range(277, 282), 284, *range(288, 294), 301, 317}
    | {*range(320, 348), *range(512, 533), 34675}
)


def read(source: str | os.PathLike[str]) -> tuple[Floats, ImageInfo]:
    """Read a picture file.

    Args:
        source: Path, or "-" for the bytes of standard input.

    Returns:
        A float32 array in [0, 1], HxW (grey) or HxWx3 (colour), turned upright, and
        the properties of the file, among them its alpha.

    Raises:
        ImageError: If it cannot be read, or not without losing something.
    """
    image = _decode(source)
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
        format="JPEG" if image.format == "MPO" else image.format,
        jpeg=coding_of(image),
    )
    return to_unit(pixels), info


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
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
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


def _decode(source: str | os.PathLike[str]) -> Image.Image:
    """Return the image of a file with its pixels loaded, or say what is wrong."""
    data, name = _contents(source), _name(source)
    if not data:
        raise ImageError(f"Expected a picture file. Received: {name}, which is empty.")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
            _refuse_frames(image, name)
            _refuse_lossy_depth(image, data, name)
            image.load()
        except ImageError:
            raise
        except _BOMBS as error:
            raise ImageError(
                f"Expected a picture of at most {Image.MAX_IMAGE_PIXELS} pixels "
                "(PIL.Image.MAX_IMAGE_PIXELS). "
                f"Received: {name}, which may be a decompression bomb."
            ) from error
        except UnidentifiedImageError as error:
            raise ImageError(
                f"Expected a PNG, JPEG, TIFF, WebP or BMP picture. Received: {name}, "
                "which is not a picture, or damaged."
            ) from error
        except Exception as error:
            # Pillow's decoders meet damaged bytes with errors of many kinds.
            raise ImageError(
                f"Expected a complete picture file. Received: {name}, which is "
                f"truncated or damaged ({error})."
            ) from error
    return image


def _refuse_frames(image: Image.Image, name: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise ImageError(
            f"Expected one picture. Received: {name}, which holds {frames} "
            "(animated, or several pages)."
        )


def _refuse_lossy_depth(image: Image.Image, data: bytes, name: str) -> None:
    """Refuse deep pixels that Pillow would cut to 8 bits, or scale wrongly."""
    problem = None
    if image.format == "PNG":
        # The header of a PNG: depth in byte 24, colour type in byte 25 (0 is grey).
        if data[24] == 16 and data[25] != 0:
            problem = "16 bits with colour or transparency"
    elif image.format == "TIFF":
        tags = image.getexif()
        bits = tags.get(_BITS_PER_SAMPLE, 1)
        bits = bits if isinstance(bits, tuple) else (bits,)
        if max(bits) > 8 and set(bits) != {16}:
            problem = f"{max(bits)} bits"
        elif max(bits) == 16 and len(bits) > 1:
            problem = "16 bits with colour or transparency"
        elif max(bits) == 16 and tags.get(_PHOTOMETRIC) == 0:
            problem = "16 bits with white stored as zero"
    if problem is not None:
        raise ImageError(
            "Expected 8 bits per channel, or 16-bit grey. "
            f"Received: {name}, which has {problem}."
        )


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
