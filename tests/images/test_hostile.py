"""Files that lie, and things that are no files."""

import io
import itertools
import os
import struct
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_dip.errors import ImageError
from keras_dip.images import atomic_write, check_output, deep, read
from keras_dip.images.limits import VARIABLE


def npy(header, data=b""):
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def header(shape, dtype="<f4"):
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}"


def tiff(width, height, bits=32):
    """A TIFF that declares a size and has no pixels."""
    entries = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, 16),
        (339, 3, 3),
    ]
    table = b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in entries)
    start = struct.pack("<H", len(entries))
    return b"II*\0" + struct.pack("<I", 24) + bytes(16) + start + table + bytes(4)


def png_header(width, height):
    body = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + body + bytes(4)


HUGE = 200_000


@pytest.mark.parametrize(
    "data",
    [
        npy(header((HUGE, HUGE))),
        tiff(HUGE, HUGE),
        png_header(HUGE, HUGE),
        f"P6 {HUGE} {HUGE} 65535\n".encode(),
        b"P5 20000 20000 65535\n",
    ],
    ids=["npy", "tiff", "png", "ppm", "pgm"],
)
def test_a_huge_size_is_refused_before_it_is_believed(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ImageError, match=VARIABLE) as error:
        read(tmp_path / "a")
    assert "\n" not in str(error.value)


def test_the_limit_can_be_set(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.zeros((10, 10)))
    monkeypatch.setenv(VARIABLE, "99")
    with pytest.raises(ImageError, match="at most 99 pixels"):
        read(tmp_path / "a.npy")
    monkeypatch.setenv(VARIABLE, "100")
    read(tmp_path / "a.npy")
    monkeypatch.setenv(VARIABLE, "many")
    with pytest.raises(ImageError, match="Expected a number of pixels"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("kind", ["npz", "tif", "pam"])
def test_bands_count_for_the_limit(tmp_path, monkeypatch, kind):
    path, pixels = tmp_path / f"a.{kind}", np.zeros((5, 6, 8), "uint8")
    if kind == "npz":
        np.savez_compressed(path, pixels)
    elif kind == "tif":
        tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
    else:
        head = b"P7\nWIDTH 6\nHEIGHT 5\nDEPTH 8\nMAXVAL 255\nENDHDR\n"
        path.write_bytes(head + pixels.tobytes())
    monkeypatch.setenv(VARIABLE, "59")
    with pytest.raises(ImageError, match=rf"at most 59 pixels, and 4 .*{VARIABLE}"):
        read(path)
    monkeypatch.setenv(VARIABLE, "60")
    assert read(path)[0].shape == (5, 6, 8)


def test_a_tiff_of_planes_in_depth_is_refused(tmp_path):
    volume = np.zeros((5, 16, 16), "uint8")
    options = {"volumetric": True, "tile": (16, 16, 16), "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack", **options)
    with pytest.raises(ImageError, match=r"one picture\..*of axes ZYX"):
        read(tmp_path / "a.tif")


def test_pages_in_a_circle():
    circle = itertools.repeat(SimpleNamespace(offset=8))
    with pytest.raises(ValueError, match="pages without end"):
        deep.pages_of(SimpleNamespace(pages=circle))


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_npy", ".npy"), data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(header((4, 4)), bytes(8)), "truncated"),
        (npy(header((4, 4), "|O"), bytes(8)), "array of numbers"),
        (npy(header((4,)), bytes(16)), "height, width"),
        (npy("{'descr': __import__('os')}"), "damaged"),
        (zipped(a_npy=b"", b_npy=b""), "one array.*'a.npy', 'b.npy'"),
        (zipped(a_npy=npy(header((1000, 1000)))), "truncated"),
        (b"PK\x03\x04 no zip", "damaged"),
        (b"P6 4 4 65535\n" + bytes(8), "damaged"),
        (tiff(16, 16), "damaged"),
        (png_header(4, 4), "damaged"),
    ],
)
def test_headers_that_promise_too_much(tmp_path, data, message):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ImageError, match=message) as error:
        read(tmp_path / "a")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="a pipe or device"):
        read(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="an ordinary file"):
        check_output(tmp_path / "pipe.png", force=True)


def test_a_device_is_no_picture():
    with pytest.raises(ImageError, match="a pipe or device"):
        read("/dev/zero")


@pytest.mark.parametrize("name", ["two\nlines", "-dash.png", b"caf\xe9", "\x1b["])
def test_odd_names_are_read_and_told_in_one_line(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
    try:
        Image.new("L", (3, 2), 7).save(os.fsdecode(path), "PNG")
    except OSError:
        pytest.skip("this file system has no such names")
    array, _ = read(os.fsdecode(path))
    assert array.shape == (2, 3)
    with open(path, "wb") as file:
        file.write(b"nothing")
    with pytest.raises(ImageError) as error:
        read(os.fsdecode(path))
    assert str(error.value).isprintable()
    str(error.value).encode()


def test_a_link_as_output_stays_one(tmp_path):
    target, link = tmp_path / "target.npy", tmp_path / "link.npy"
    target.write_bytes(b"old")
    link.symlink_to(target)
    atomic_write(link, lambda file: file.write(b"new"))
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
