"""How a JPEG file was made: what its decoded pixels no longer say."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, JpegImagePlugin

_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
_ORIENTATION = 274


@dataclass(frozen=True)
class JpegCoding:
    """How the pixels of a JPEG file were coded, as plain data.

    Attributes:
        tables: The steps of quantisation, 64 for each channel of the picture (grey, or
            Y, Cb and Cr), row by row: from left to right across, then down.
        subsampling: "4:4:4", "4:2:2" or "4:2:0".
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: str


def coding_of(image: Image.Image) -> JpegCoding | None:
    """Return how an image was coded, as Pillow opened it; None if not told, or odd.

    Odd are colours other than JFIF's, other subsamplings, and an orientation: blocks
    and tables would have to be turned with the picture.
    """
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return None
    try:
        if image.getexif().get(_ORIENTATION, 1) != 1:
            return None
    except Exception:
        # A damaged EXIF block turns nothing.
        pass
    which = [table for *_, table in image.layer]
    if any(table not in image.quantization for table in which):
        return None
    tables = tuple(tuple(map(int, image.quantization[table])) for table in which)
    if image.mode == "L":
        return JpegCoding(tables, "4:4:4")
    sampling = JpegImagePlugin.get_sampling(image)
    names = [name for name, *_ in image.layer]
    is_rgb = image.info.get("adobe_transform") == 0 or names == [*b"RGB"]
    if image.mode != "RGB" or is_rgb or sampling not in range(len(_SUBSAMPLINGS)):
        return None
    return JpegCoding(tables, _SUBSAMPLINGS[sampling])
