"""Pictures inside a page: PNG where that is small enough, else WebP of high quality."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from keras_dip.images.convert import quantise

PNG_BYTES = 1_000_000
"""A picture that would be larger as PNG is embedded as WebP."""

LEAST_GAIN = 8
"""PNG is not tried, as that takes long, where it would have to save more than this."""

QUALITIES = (95, 90, 80)
LOSSY_QUALITIES = (90, 80, 60, 40)
WEBP_BYTES, LOSSY_BYTES = 1_500_000, 150_000
LONGEST_SIDE = 2048
"""In pixels; what is larger is shown smaller."""

ROWS = 256
"""So many become whole numbers at once, as a picture can be most of the memory."""


@dataclass(frozen=True)
class Embedded:
    """A picture as a data URI.

    `width` and `height` are those of the picture, whatever is embedded; `how` says in
    words what is embedded where that is not the picture itself.
    """

    uri: str
    width: int
    height: int
    how: str = ""


def embedded(
    picture: np.ndarray,
    *,
    known: np.ndarray | None = None,
    is_lossy: bool = False,
    longest: int = LONGEST_SIDE,
) -> Embedded:
    """Return a picture for a page.

    Args:
        picture: [h, w] or [h, w, c] in [0, 1]; of other channels than 1 or 3 the first
            three, or the first, are shown.
        known: [h, w, c]; pixels that are 0 in all channels are transparent.
        is_lossy: WebP even where PNG would be small, for pictures of the second rank.
        longest: side in pixels; larger ones are made smaller.
    """
    image = as_image(picture, known)
    width, height = image.size
    words = []
    if max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        words.append(f"reduced to {image.width}x{image.height} pixels")
    is_large = width * height * len(image.getbands()) > LEAST_GAIN * PNG_BYTES
    data = b"" if is_lossy or is_large else _png(image)
    kind = "png"
    if not data or len(data) > PNG_BYTES:
        kind = "webp"
        for quality in LOSSY_QUALITIES if is_lossy else QUALITIES:
            data = _webp(image, quality)
            if len(data) <= (LOSSY_BYTES if is_lossy else WEBP_BYTES):
                break
        words.append(f"WebP of quality {quality}")
    text = base64.b64encode(data).decode("ascii")
    return Embedded(f"data:image/{kind};base64,{text}", width, height, ", ".join(words))


def as_image(picture: np.ndarray, known: np.ndarray | None = None) -> Image.Image:
    """Return a picture as Pillow has it, 8 bits; see `embedded`."""
    array = picture[..., np.newaxis] if picture.ndim == 2 else picture
    array = array[..., :3] if array.shape[2] >= 3 else array[..., :1]
    levels: np.ndarray = np.empty(array.shape, "uint8")
    for top in range(0, len(array), ROWS):
        rows = slice(top, top + ROWS)
        levels[rows] = quantise(np.nan_to_num(array[rows]), "uint8")
    image = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    if known is not None:
        alpha = (known.max(axis=-1) > 0).astype("uint8") * 255
        image = image.convert("RGB")
        image.putalpha(Image.fromarray(np.broadcast_to(alpha, levels.shape[:2])))
    return image


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _webp(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()
