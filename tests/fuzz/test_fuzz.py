"""Damaged files by the thousand: an error of ours, or a picture, and nothing else.

KERAS_DIP_FUZZ_SECONDS=300 pytest -s -m fuzz tests/fuzz
"""

import io
import os
import random
import runpy
import signal
import time
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_dip.errors import KerasDipError
from keras_dip.images import ImageInfo, read, write
from keras_dip.images.formats import FORMATS
from keras_dip.onnx_io.regenerate import info, regenerate

SECONDS = float(os.environ.get("KERAS_DIP_FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("KERAS_DIP_FUZZ_SEED", "0"))
LARGEST = 4 * 2**30
"""Bytes of address space that reading a file of a few kilobytes may take."""

pytestmark = pytest.mark.fuzz


def mutated(data, chance):
    """Return bytes with a few changes, most of them near the start."""
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        if not data:
            break
        at = int(len(data) * chance.random() ** chance.choice([1, 3]))
        length = chance.choice([1, 2, 4, 8, 64])
        what = chance.randrange(6)
        if what == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            data[at : at + length] = chance.randbytes(len(data[at : at + length]))
        elif what == 2:
            data[at : at + length] = chance.choice([b"\0", b"\xff"]) * length
        elif what == 3:
            del data[at : at + length * chance.choice([1, 50])]
        elif what == 4:
            data[at:at] = data[chance.randrange(len(data)) :][:length]
        else:
            del data[at:]
    return bytes(data)


def pictures(folder):
    """Return small valid files of every kind, by name."""
    rng = np.random.default_rng(0)
    files = {}
    for name, kind in FORMATS.items():
        for dtype in kind.depths:
            path = folder / f"{name}-{dtype}{kind.suffixes[0]}"
            exif = Image.Exif()
            exif[274], exif[271] = 6, "Maker"
            told = ImageInfo("RGB", dtype=dtype, exif=exif.tobytes(), dpi=(72.0, 72.0))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write(rng.random((9, 12, 3), "float32"), path, info=told)
            files[path.name] = path.read_bytes()
    for name, options in {
        "tiled": {"tile": (16, 16), "compression": "lzw"},
        "big": {"bigtiff": True},
        "planes": {"planarconfig": "separate", "photometric": "rgb"},
    }.items():
        buffer = io.BytesIO()
        shape = (3, 9, 12) if name == "planes" else (9, 12)
        pixels = rng.integers(0, 65535, shape, "uint16")
        tifffile.imwrite(buffer, pixels, metadata=None, **options)
        files[f"{name}.tif"] = buffer.getvalue()
    buffer = io.BytesIO()
    bands = rng.integers(0, 255, (9, 12, 4), "uint8")
    options = {"extrasamples": ["assocalpha"], "metadata": None}
    tifffile.imwrite(buffer, bands, photometric="rgb", **options)
    files["multiplied.tif"] = buffer.getvalue()
    head = b"P7\nWIDTH 12\nHEIGHT 9\nDEPTH 4\nMAXVAL 200\nENDHDR\n"
    files["bands.pam"] = head + bands.clip(0, 200).tobytes()
    files["plain.ppm"] = b"P3 2 1 65535 0 1 2  3 65534 65535"
    deep = rng.integers(0, 1023, (9, 12, 3), "uint16")
    files["deep.avif"] = bytes(imagecodecs.avif_encode(deep, bitspersample=10))
    return files


@pytest.fixture(autouse=True)
def bounds():
    """Let what takes gigabytes or seconds fail, so that it is found."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST, before[1]))

    def stop(*_):
        raise Slow

    old = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)
    resource.setrlimit(resource.RLIMIT_AS, before)


class Slow(BaseException):
    """A file took too long."""


def hunt(files, uses, path, capsys, what):
    """Try damaged files for a while; whatever escapes is a failure."""
    chance, tried, refused = random.Random(SEED), 0, 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        name = chance.choice(sorted(files))
        data = mutated(files[name], chance)
        path.write_bytes(data)
        for use in uses:
            tried += 1
            signal.alarm(10)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    use(path)
            except KerasDipError as error:
                refused += 1
                assert str(error).isprintable(), (name, str(error))
            except BaseException:
                path.with_suffix(".found").write_bytes(data)
                print(f"{name}: kept as {path.with_suffix('.found')}")
                raise
    with capsys.disabled():
        print(f"\n{what}: {tried} tries, {refused} refused, seed {SEED}")
    assert 0 < refused < tried


def test_readers(tmp_path, capsys):
    folder = tmp_path / "valid"
    folder.mkdir()
    hunt(pictures(folder), [read], tmp_path / "picture", capsys, "readers")


def test_onnx_files(tmp_path, capsys):
    tiny = runpy.run_path(str(Path(__file__).parents[1] / "onnx_io" / "tiny.py"))
    valid = tiny["write"](tmp_path / "valid.onnx").read_bytes()
    hunt({"a": valid}, [info, regenerate], tmp_path / "a.onnx", capsys, "onnx")
