"""Pixels that Pillow would cut, or has no name for: of deep PNG and TIFF."""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from typing import Any

import numpy as np
from PIL import Image

from keras_dip.errors import ImageError
from keras_dip.images.info import Array, ImageInfo
from keras_dip.images.limits import check_pixels

# What they have to say of damaged files comes back as an error of ours.
for _library in ("tifffile", "imagecodecs", "PIL.TiffImagePlugin"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)

_ICC, _XMP, _ORIENTATION = 34675, 700, 274
_DESCRIPTION, _SOFTWARE, _RESOLUTION = 270, 305, {282, 283, 296}
_PREMULTIPLIED, _SEPARATE = 1, 2  # kinds of ExtraSamples
# By photometric interpretation; () is a tag that is missing.
_PILLOWS_ALPHA: dict[str, tuple[tuple[int, ...], ...]] = {
    "RGB": ((_PREMULTIPLIED,), (_SEPARATE,), ()),
    "MINISBLACK": ((_SEPARATE,),),
    "PALETTE": ((_SEPARATE,),),
}
MOST_PAGES = 10_000
TURNS: dict[int, Any] = {
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}
"""What an EXIF orientation asks for."""


class Deep:
    """A decoded picture: `pixels` upright, without alpha, and what goes with it."""

    def __init__(self, pixels: Array, alpha: Array | None, format: str, **more: Any):
        """Hold them; `more` are attributes of `ImageInfo`."""
        self.pixels, self.alpha, self.format, self.more = pixels, alpha, format, more


def is_deep_png(data: bytes) -> bool:
    """Tell whether a PNG has 16 bits and colours or alpha, by its header."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10" and data[25] != 0


def decode_png(data: bytes, name: str, page: int | None) -> Deep:
    """Decode a PNG of 16 bits per channel.

    Raises:
        ImageError: If it is animated, has not the page, or is too large.
    """
    import imagecodecs

    chosen_page(1, page, name)
    width, height = struct.unpack(">II", data[16:24])
    check_pixels(height, width, name)
    pixels = imagecodecs.png_decode(_bare_png(data, name))
    return split(pixels, pixels.shape[-1] in (2, 4), "PNG")


def _bare_png(data: bytes, name: str) -> bytes:
    """Return a PNG of its pixels alone: of all else libpng would speak aloud."""
    parts, start = [data[:8]], 8
    while start < len(data):
        (length,) = struct.unpack(">I", data[start : start + 4])
        kind, end = data[start + 4 : start + 8], start + 12 + length
        if kind == b"acTL":
            raise ImageError(
                "Expected a picture that stands still. "
                f"Received: {name}, an animation of 16-bit colour."
            )
        if kind in (b"IHDR", b"tRNS", b"IDAT", b"IEND"):
            parts.append(data[start:end])
        start = len(data) if kind == b"IEND" else end
    return b"".join(parts)


def decode_tiff(data: bytes, name: str, page: int | None) -> tuple[Deep | None, int]:
    """Decode a TIFF that Pillow would cut or refuse; None for one that it reads.

    Returns:
        What was decoded, or None, and the index of the page among all of the file.

    Raises:
        ImageError: If it holds several pages and none is chosen, or what cannot be
            told apart.
    """
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages = pages_of(file)
        index, found = pages[chosen_page(len(pages), page, name)]
        if _pillow_reads(found):
            return None, index
        height, width = found.imagelength, found.imagewidth
        check_pixels(height, width, name, found.samplesperpixel * found.imagedepth)
        if found.photometric.name not in ("MINISBLACK", "MINISWHITE", "RGB"):
            raise ImageError(
                "Expected grey, RGB or separate bands. "
                f"Received: {name}, of {found.photometric.name} with "
                f"{found.bitspersample} bits."
            )
        if found.bitspersample not in (8, 16, 32, 64):
            raise ImageError(
                "Expected 8, 16, 32 or 64 bits per channel. "
                f"Received: {name}, which has {found.bitspersample} bits."
            )
        pixels = _page_pixels(found, name)
        alpha = _alpha_kind(found)
        if alpha == _PREMULTIPLIED:
            pixels = _unmultiplied(pixels, name)
        tags = found.tags
        orientation = tags[_ORIENTATION].value if _ORIENTATION in tags else 1
        pixels = np.ascontiguousarray(TURNS.get(int(orientation), lambda a: a)(pixels))
        decoded = split(
            pixels,
            alpha is not None,
            "TIFF",
            icc_profile=tags[_ICC].value if _ICC in tags else None,
            xmp=tags[_XMP].value if _XMP in tags else None,
            dpi=_dpi(found),
        )
        return decoded, index


def _page_pixels(page: Any, name: str) -> Array:
    """Return the numbers of a page, HxW or HxWxC, with white as the largest."""
    pixels: Array = page.asarray()
    if page.axes.startswith("S") and pixels.ndim == 3:  # one plane per channel
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim not in (2, 3) or not set(page.axes) <= set("YXS"):
        raise ImageError(
            f"Expected one picture. Received: {name}, of axes {page.axes}."
        )
    return _inverted(pixels, name) if page.photometric.name == "MINISWHITE" else pixels


def _alpha_kind(page: Any) -> int | None:
    """Return the kind of transparency in the last channel, or None without."""
    kinds = [int(kind) for kind in page.extrasamples or ()]
    if not kinds and page.photometric.name == "RGB" and page.samplesperpixel == 4:
        return _SEPARATE  # the usual meaning where the tag is missing
    only_last = bool(kinds) and kinds[-1] in (_PREMULTIPLIED, _SEPARATE)
    only_last &= not any(kinds[:-1])
    return kinds[-1] if only_last and page.samplesperpixel in (2, 4) else None


def _unmultiplied(pixels: Array, name: str) -> Array:
    """Return colours that were stored times alpha, the last channel, without it."""
    alpha = pixels[..., -1:].astype("float64")
    integers = pixels.dtype.kind == "u"
    most = np.iinfo(pixels.dtype).max if integers else 1
    if alpha.min() < 0 or alpha.max() > most:
        raise ImageError(
            "Expected transparency from 0 to 1 where colours are multiplied by it. "
            f"Received: {name}, with {alpha.min():g} to {alpha.max():g}."
        )
    share = np.where(alpha > 0, alpha, most) / most
    colours = pixels[..., :-1] / share
    if integers:
        colours = np.rint(colours.clip(0, most))
    return np.concatenate([colours.astype(pixels.dtype), pixels[..., -1:]], axis=-1)


def pages_of(file: Any) -> list[tuple[int, Any]]:
    """Return the pages of a TIFF but for previews, each with its index among all.

    Damaged ones can form a circle.
    """
    pages: list[tuple[int, Any]] = []
    seen: set[int] = set()
    for found in file.pages:
        if found.offset in seen or len(seen) == MOST_PAGES:
            raise ValueError("pages without end")
        if not getattr(found, "is_reduced", False):
            pages.append((len(seen), found))
        seen.add(found.offset)
    return pages


def chosen_page(count: int, page: int | None, name: str) -> int:
    """Return the index of the page that was asked for, counted from 1; ImageError."""
    if page is None and count > 1:
        raise ImageError(
            f"Expected one picture, or --page N. Received: {name}, which holds {count} "
            "(animated, or several pages)."
        )
    if page is not None and not 1 <= page <= count:
        pages = "page 1, the only one" if count == 1 else f"a page from 1 to {count}"
        raise ImageError(f"Expected {pages}. Received: {page}, of {name}.")
    return (page or 1) - 1


def _pillow_reads(page: Any) -> bool:
    """Tell whether Pillow reads a page with all of its bits and bands."""
    kind, bits, samples = (
        page.photometric.name,
        page.bitspersample,
        page.samplesperpixel,
    )
    extra = tuple(int(sample) for sample in page.extrasamples or ())
    if page.sampleformat != 1 or page.imagedepth != 1:
        return False
    if samples == 1 and not extra:
        return bits in (1, 2, 4, 8) or (bits == 16 and kind == "MINISBLACK")
    colours = {"MINISBLACK": 1, "PALETTE": 1, "SEPARATED": 4}.get(kind, 3)
    alone = samples == colours and not extra
    return bits == 8 and (
        alone or (samples == colours + 1 and extra in _PILLOWS_ALPHA.get(kind, ()))
    )


def _inverted(pixels: Array, name: str) -> Array:
    if pixels.dtype.kind != "u":
        raise ImageError(
            f"Expected integers where white is zero. Received: {name}, of "
            f"{pixels.dtype.name}."
        )
    return np.iinfo(pixels.dtype).max - pixels


def _dpi(page: Any) -> tuple[float, float] | None:
    try:
        values = [page.tags[tag].value for tag in (282, 283)]
        x, y = (float(numerator) / denominator for numerator, denominator in values)
        unit = int(page.tags[296].value) if 296 in page.tags else 2
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    factor = {2: 1.0, 3: 2.54}.get(unit)
    return None if factor is None or not x * y > 0 else (x * factor, y * factor)


def split(pixels: Array, has_alpha: bool, format: str, **more: Any) -> Deep:
    """Return pixels HxW or HxWxC, with the last channel as alpha if it is."""
    # In the machine's byte order, by which types are compared.
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if not has_alpha:
        return Deep(pixels, None, format, **more)
    alpha, colours = pixels[..., -1], pixels[..., :-1]
    grey = colours.shape[-1] == 1
    return Deep(colours[..., 0] if grey else colours, alpha, format, **more)


def encode_png(pixels: Array, info: ImageInfo) -> bytes:
    """Return a PNG of 16 bits, HxWx3 or HxWx4, with what goes with it."""
    import imagecodecs

    data = bytes(imagecodecs.png_encode(pixels))
    end = 8 + 25  # the signature, and the header's chunk
    return data[:end] + b"".join(_png_chunks(info)) + data[end:]


def _png_chunks(info: ImageInfo) -> list[bytes]:
    """Return the chunks of PNG (ISO/IEC 15948, and eXIf) for the metadata."""
    chunks = []
    if info.icc_profile:
        profile = b"icc\0\0" + zlib.compress(info.icc_profile)
        chunks.append(_chunk(b"iCCP", profile))
    if info.dpi:
        per_metre = [round(dpi / 0.0254) for dpi in info.dpi]
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if info.exif:
        chunks.append(_chunk(b"eXIf", info.exif.removeprefix(b"Exif\0\0")))
    if info.xmp:
        head = b"XML:com.adobe.xmp\0\0\0\0\0"
        chunks.append(_chunk(b"iTXt", head + info.xmp))
    if info.note:
        note = info.note.encode("latin-1", "replace")
        chunks.append(_chunk(b"tEXt", b"Software\0" + note))
    return chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def encode_tiff(pixels: Array, has_alpha: bool, info: ImageInfo) -> bytes:
    """Return a TIFF of any depth and number of channels, HxW or HxWxC."""
    import tifffile

    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    colours = channels - has_alpha
    extra = ["unassalpha"] if has_alpha else []
    if colours not in (1, 3):
        extra = ["unspecified"] * (colours - 1) + extra
    texts = _texts(info.exif)
    description = texts.pop(_DESCRIPTION, None)
    software = info.note or texts.get(_SOFTWARE)
    texts.pop(_SOFTWARE, None)
    tags: list[Any] = [(tag, 2, 0, text, True) for tag, text in texts.items()]
    if info.xmp:
        tags.append((_XMP, 1, len(info.xmp), info.xmp, True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig="contig" if pixels.ndim == 3 else None,
        extrasamples=extra or None,
        compression="zlib",
        iccprofile=info.icc_profile,
        resolution=info.dpi,
        resolutionunit="INCH" if info.dpi else None,
        software=software or False,
        description=description,
        metadata=None,
        extratags=tags,
    )
    return buffer.getvalue()


def _texts(exif: bytes | None) -> dict[int, str]:
    """Return the texts of an EXIF block, by tag; the rest is lost, and that is said."""
    if not exif:
        return {}
    block = Image.Exif()
    block.load(exif)
    texts = {t: v for t, v in block.items() if isinstance(v, str) and v.isascii()}
    if set(block) - set(texts) - _RESOLUTION:
        warnings.warn(
            "A TIFF of this depth keeps the texts of EXIF alone: maker, date and the "
            "like.",
            stacklevel=6,
        )
    return texts
