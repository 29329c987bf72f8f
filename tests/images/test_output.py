import io
import os
import stat
import sys

import numpy as np
import pytest

from keras_dip.errors import ImageError
from keras_dip.images import ImageInfo, atomic_write, check_output, write

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX file rights and links")


def fail(file):
    file.write(b"half")
    raise RuntimeError("stop")


@pytest.fixture
def precious(tmp_path):
    path = tmp_path / "in.png"
    path.write_bytes(b"precious")
    return path


def link_symbolic(path, target):
    path.symlink_to(target)


def link_hard(path, target):
    path.hardlink_to(target)


def test_a_free_place_passes_and_is_left_free(tmp_path, precious):
    check_output(tmp_path / "out.png", inputs=[precious, "-", tmp_path / "gone.png"])
    check_output("-", inputs=["-"])
    assert list(tmp_path.iterdir()) == [precious]


@pytest.mark.parametrize("link", [link_symbolic, link_hard])
@pytest.mark.parametrize("force", [False, True])
def test_an_input_behind_a_link_is_refused(tmp_path, precious, link, force):
    link(tmp_path / "out.png", precious)
    with pytest.raises(ImageError, match="not an input"):
        check_output(tmp_path / "out.png", inputs=[precious], force=force)


@pytest.mark.parametrize("force", [False, True])
def test_an_input_by_another_path_is_refused(tmp_path, precious, monkeypatch, force):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for other in ("in.png", "./sub/../in.png", str(precious)):
        with pytest.raises(ImageError, match="not an input"):
            check_output(other, inputs=["mask.png", precious], force=force)


def test_an_existing_output_needs_force(precious):
    with pytest.raises(ImageError, match="does not exist yet"):
        check_output(precious)
    check_output(precious, force=True)


@pytest.mark.parametrize("name", ["out.gif", "out", "out.png.txt", "", ".png"])
def test_unknown_suffix(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match=r"name ending in \.png, \.jpg"):
        check_output(name)


def test_other_suffixes(tmp_path):
    check_output(tmp_path / "out.ONNX", suffixes=(".onnx",))
    with pytest.raises(ImageError, match=r"name ending in \.onnx\. Received"):
        check_output(tmp_path / "out.png", suffixes=(".onnx",))


def test_places_that_cannot_be_written(tmp_path, precious):
    with pytest.raises(ImageError, match="existing folder"):
        check_output(tmp_path / "missing" / "out.png")
    with pytest.raises(ImageError, match="existing folder"):
        check_output(precious / "out.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match="ordinary file"):
        check_output(tmp_path / "folder.png", force=True)


@posix
def test_a_device_is_not_replaced(tmp_path):
    (tmp_path / "null.png").symlink_to(os.devnull)
    with pytest.raises(ImageError, match="ordinary file"):
        check_output(tmp_path / "null.png", force=True)


def test_a_folder_without_rights(tmp_path, monkeypatch):
    # The rights are asked for, not set: an administrator may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ImageError, match="folder that is writable"):
        check_output(tmp_path / "out.png")


@pytest.mark.parametrize(
    ("info", "name", "message"),
    [
        (ImageInfo("RGBA", alpha=np.zeros((2, 2))), "out.jpg", "transparency"),
        (ImageInfo("I;16", dtype="uint16"), "out.webp", "16-bit"),
    ],
)
def test_what_the_format_cannot_hold_is_known_early(tmp_path, info, name, message):
    with pytest.raises(ImageError, match=message):
        check_output(tmp_path / name, info=info)
    check_output(tmp_path / "out.tif", info=info)
    check_output("-", info=info)


@pytest.mark.parametrize(
    ("suffix", "largest"), [(".webp", 16383), (".jpg", 65500), (".jpeg", 65500)]
)
@pytest.mark.parametrize("turn", [1, -1])
def test_a_size_that_the_format_cannot_hold_is_known_early(
    tmp_path, suffix, largest, turn
):
    path = tmp_path / f"out{suffix}"
    held, larger = (largest, 1)[::turn], (largest + 1, 1)[::turn]
    check_output(path, shape=held)
    write(np.zeros(held), path)  # the format does hold it
    size = f"{larger[1]}x{larger[0]} pixels"
    message = rf"Expected \.png or \.tif for a picture of {size}\. .* {largest} "
    with pytest.raises(ImageError, match=message):
        check_output(path, force=True, shape=larger)
    for other in (tmp_path / "out.png", tmp_path / "out.tif", "-"):
        check_output(other, shape=larger)


def test_atomic_write_replaces(tmp_path, precious):
    atomic_write(precious, lambda file: file.write(b"new"))
    assert precious.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [precious]


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, precious):
    with pytest.raises(RuntimeError, match="stop"):
        atomic_write(precious, fail)
    assert precious.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [precious]


def test_a_failing_first_write_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="stop"):
        atomic_write(tmp_path / "out.png", fail)
    assert not any(tmp_path.iterdir())


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def interrupt(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "out.png", interrupt)
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_one_clear_line(tmp_path, precious):
    def fill(file):
        raise OSError(28, "No space left on device")

    with pytest.raises(ImageError, match=r"in\.png' \(No space left on device\)"):
        atomic_write(precious, fill)
    assert precious.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [precious]


def test_a_failing_rename_leaves_the_old_file(tmp_path, precious, monkeypatch):
    def refuse(source, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ImageError, match="Permission denied"):
        atomic_write(precious, lambda file: file.write(b"new"))
    assert precious.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [precious]


def test_a_missing_folder(tmp_path, precious):
    for folder in (tmp_path / "missing", precious):
        with pytest.raises(ImageError, match="Expected a writable output"):
            atomic_write(folder / "out.png", lambda file: file.write(b"new"))


@posix
def test_a_link_stays_a_link(tmp_path, precious):
    link = tmp_path / "out.png"
    link.symlink_to(precious)
    atomic_write(link, lambda file: file.write(b"new"))
    assert link.is_symlink()
    assert precious.read_bytes() == b"new"


@posix
def test_file_rights(tmp_path, precious):
    precious.chmod(0o640)
    atomic_write(precious, lambda file: file.write(b"new"))
    assert stat.S_IMODE(precious.stat().st_mode) == 0o640
    previous = os.umask(0o022)
    try:
        atomic_write(tmp_path / "out.png", lambda file: file.write(b"new"))
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == 0o644


def test_standard_output(monkeypatch):
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream))
    atomic_write("-", lambda file: file.write(b"bytes"))
    assert stream.getvalue() == b"bytes"


def test_a_failing_write_puts_nothing_on_standard_output(monkeypatch):
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream))
    with pytest.raises(RuntimeError, match="stop"):
        atomic_write("-", fail)
    assert stream.getvalue() == b""


def test_a_closed_pipe_is_one_clear_line(monkeypatch):
    class Closed(io.BytesIO):
        def write(self, data):
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", type("Out", (), {"buffer": Closed()}))
    with pytest.raises(ImageError, match=r"'-' \(Broken pipe\)"):
        atomic_write("-", lambda file: file.write(b"bytes"))
