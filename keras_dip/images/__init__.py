"""Picture files and arrays: reading, checking and writing, with nothing lost."""

from keras_dip.images.convert import PictureType, as_picture
from keras_dip.images.info import ImageInfo
from keras_dip.images.jpeg import JpegCoding
from keras_dip.images.output import atomic_write, check_output
from keras_dip.images.read import read, read_mask
from keras_dip.images.write import write

__all__ = [
    "ImageInfo",
    "JpegCoding",
    "PictureType",
    "as_picture",
    "atomic_write",
    "check_output",
    "read",
    "read_mask",
    "write",
]
