"""NumPy's files as pictures: .npy, and .npz with one array."""

from __future__ import annotations

import io
import math
import zipfile
from typing import IO

import numpy as np

from keras_dip.errors import ImageError
from keras_dip.images.info import Array
from keras_dip.images.limits import check_pixels

NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"


def decode(data: bytes, name: str) -> Array:
    """Return the array of a file, HxW or HxWxC; ImageError if there is none.

    What the header declares is believed only as far as the file has bytes for it.
    """
    if not data.startswith(ZIP):
        return _array(io.BytesIO(data), len(data), name)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) != 1 or not entries[0].filename.endswith(".npy"):
            names = ", ".join(repr(entry.filename) for entry in entries[:5])
            raise ImageError(
                f"Expected an .npz file with one array. Received: {name}, which holds "
                f"{names or 'nothing'}{' ...' if len(entries) > 5 else ''}."
            )
        with archive.open(entries[0]) as file:
            return _array(file, entries[0].file_size, name)


def encode(array: Array, format: str) -> bytes:
    """Return the bytes of a file; format "NPY" or "NPZ"."""
    buffer = io.BytesIO()
    if format == "NPZ":
        np.savez_compressed(buffer, image=array)
    else:
        np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _array(file: IO[bytes], size: int, name: str) -> Array:
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ImageError(
            f"Expected an .npy file of version 1 or 2. Received: {name}, {version}."
        )
    shape, is_fortran, dtype = read(file)
    if dtype.hasobject or dtype.kind not in "buif":
        raise ImageError(
            f"Expected an array of numbers. Received: {name}, of dtype {dtype}."
        )
    if len(shape) not in (2, 3) or 0 in shape:
        raise ImageError(
            "Expected an array of shape (height, width) or (height, width, channels). "
            f"Received: {name}, of shape {shape}."
        )
    check_pixels(shape[0], shape[1], name, math.prod(shape[2:]))
    count = math.prod(shape)
    if count * dtype.itemsize > size:
        raise ImageError(
            f"Expected a complete picture file. Received: {name}, which is truncated."
        )
    values = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return values.reshape(shape, order="F" if is_fortran else "C")
