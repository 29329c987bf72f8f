import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image


def _chunk(kind, data):
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def raw_png(width, height, depth, colour_type, channels):
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    rows = (b"\0" + bytes(width * channels * depth // 8)) * height
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


@pytest.fixture
def png_of():
    """A black PNG of any header, also of kinds that Pillow cannot write."""
    return raw_png


@pytest.fixture
def levels():
    """Random integers of a shape and type; the same at every run."""
    generator = np.random.default_rng(7)

    def draw(*shape, dtype="uint8"):
        highest = np.iinfo(dtype).max
        return generator.integers(0, highest, shape, dtype=dtype, endpoint=True)

    return draw


@pytest.fixture
def encode():
    """The bytes of an array or Pillow image in a format."""

    def to_bytes(picture, format, **settings):
        image = picture if isinstance(picture, Image.Image) else None
        image = image or Image.fromarray(picture)
        buffer = io.BytesIO()
        image.save(buffer, format, **settings)
        return buffer.getvalue()

    return to_bytes


@pytest.fixture
def standard_input(monkeypatch):
    """Put bytes on standard input."""

    def put(data):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put
