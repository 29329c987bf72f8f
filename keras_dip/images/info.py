"""What a picture file says beside its colours, kept so that nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_dip.images.jpeg import JpegCoding

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float32]
Depth: TypeAlias = Literal["uint8", "uint16"]


@dataclass(frozen=True, eq=False)
class ImageInfo:
    """The properties of a picture file that travel from the input to the output.

    Attributes:
        mode: Pillow's name for the pixels of the file, such as "RGB" or "I;16".
        dtype: Depth of the file, "uint8" or "uint16".
        alpha: Transparency, HxW in the file's dtype, turned upright; or None.
        icc_profile: Colour profile, or None.
        exif: EXIF block without orientation and storage tags, or None.
        format: Pillow's name for the file format, or None.
        jpeg: How a JPEG file was coded, or None.
    """

    mode: str
    dtype: Depth = "uint8"
    alpha: Array | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    format: str | None = None
    jpeg: JpegCoding | None = None
