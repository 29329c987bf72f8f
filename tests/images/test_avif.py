"""AVIF and HEIC of more than 8 bits: read whole, or refused."""

import imagecodecs
import numpy as np
import pytest
from PIL import features

from keras_dip.errors import ImageError
from keras_dip.images import read
from keras_dip.images.convert import to_unit
from keras_dip.images.limits import VARIABLE

needs_avif = pytest.mark.skipif(
    not (features.check("avif") and imagecodecs.AVIF.available), reason="needs AVIF"
)


def encoded(pixels, bits):
    kind = "400" if pixels.ndim == 2 else "444"
    return imagecodecs.avif_encode(
        pixels, level=100, bitspersample=bits, pixelformat=kind
    )


@needs_avif
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3), (7, 9, 4)], ids=str)
def test_all_bits_are_read(tmp_path, bits, shape):
    kind = "uint8" if bits == 8 else "uint16"
    pixels = np.random.default_rng(0).integers(0, 2**bits, shape, kind)
    (tmp_path / "a.avif").write_bytes(encoded(pixels, bits))
    array, info = read(tmp_path / "a.avif")
    unit = pixels / (2**bits - 1)
    colours = unit[..., :3] if len(shape) == 3 else unit
    np.testing.assert_allclose(array, colours, atol=1e-5 if bits > 8 else 2 / 255)
    assert (info.dtype, info.format) == (kind, "AVIF")
    if shape[-1] == 4:
        np.testing.assert_allclose(to_unit(info.alpha), unit[..., 3], atol=1e-5)
    with pytest.raises(ImageError, match="page 1, the only one"):
        read(tmp_path / "a.avif", page=2)


@needs_avif
def test_a_deep_avif_too_large_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.avif").write_bytes(encoded(np.zeros((7, 9), "uint16"), 10))
    monkeypatch.setenv(VARIABLE, "62")
    with pytest.raises(ImageError, match=VARIABLE):
        read(tmp_path / "a.avif")


def test_heic_of_10_bits_is_refused(tmp_path):
    record = b"\1" + bytes(15) + b"\xfd\xfa\xfa" + bytes(4)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"hvcC" + record)
    with pytest.raises(ImageError, match=r"HEIC file of 8 bits .*of 10 bits"):
        read(tmp_path / "a.heic")
