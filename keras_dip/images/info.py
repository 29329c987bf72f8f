"""What a picture file says beside its colours, kept so that nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_dip.images.jpeg import JpegCoding

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float32]
Depth: TypeAlias = Literal["uint8", "uint16", "float32"]
Range: TypeAlias = tuple[float, float]


@dataclass(frozen=True, eq=False)
class ImageInfo:
    """The properties of a picture file that travel from the input to the output.

    Attributes:
        mode: Pillow's name for the pixels of the file, such as "RGB" or "I;16"; of what
            Pillow has no name for, type and channels, such as "uint16x3".
        dtype: Depth of the file: "uint8", "uint16" or "float32".
        alpha: Transparency, HxW in the file's dtype, turned upright; or None.
        icc_profile: Colour profile, or None.
        exif: EXIF block without orientation and storage tags, or None.
        format: Name of the file format in capital letters, or None.
        jpeg: How a JPEG file was coded, or None.
        data_range: The numbers of a float file that stand for black and white; None
            for 0 and 1.
        dpi: Horizontal and vertical pixels per inch, or None.
        xmp: XMP packet, or None.
        note: How the picture was made, to be written into the file as its software.
    """

    mode: str
    dtype: Depth = "uint8"
    alpha: Array | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    format: str | None = None
    jpeg: JpegCoding | None = None
    data_range: Range | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    note: str | None = None
