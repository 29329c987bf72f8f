"""Where an output may go, and putting it there whole or not at all.

An output is checked before any work. It is written to a temporary file beside its
place and then renamed: there is never half a file, and never a lost one.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from keras_dip.errors import ImageError
from keras_dip.images.info import ImageInfo

_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
}
SUFFIXES = tuple(_FORMATS)
_WITH_ALPHA = frozenset({"PNG", "TIFF", "WEBP"})
_WITH_16_BITS = frozenset({"PNG", "TIFF"})
_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}  # JPEG: that of libjpeg


def check_output(
    destination: str | os.PathLike[str],
    *,
    inputs: Iterable[str | os.PathLike[str]] = (),
    force: bool = False,
    suffixes: Sequence[str] = SUFFIXES,
    info: ImageInfo | None = None,
    shape: Sequence[int] | None = None,
) -> None:
    """Refuse an output that could not, or must not, be written; before any work.

    Args:
        destination: Path, or "-" for standard output.
        inputs: Files that must not be overwritten, even with `force`.
        force: Allow an existing file to be replaced.
        suffixes: The suffixes that can be written.
        info: Properties that a picture file will have to hold.
        shape: Height and width of the picture that it will have to hold.

    Raises:
        ImageError: With the reason.
    """
    if os.fspath(destination) != "-":
        path = Path(destination)
        if path.suffix.lower() not in suffixes:
            raise _refusal(f"a name ending in {', '.join(suffixes)}", path)
        for other in inputs:
            if _same_file(path, other):
                raise _refusal("an output that is not an input", path)
        _check_place(path, force)
    if info is not None:
        deep = info.dtype == "uint16"
        check_format(format_of(destination), info.alpha is not None, deep)
    if shape is not None:
        _check_size(format_of(destination), *shape)


def atomic_write(
    destination: str | os.PathLike[str], write_to: Callable[[BinaryIO], object]
) -> None:
    """Write a file whole or not at all, replacing the one that was there.

    Args:
        destination: Path, or "-" for standard output.
        write_to: Called with the open binary file. Whatever it raises, no file is
            left, and the previous one stays.

    Raises:
        ImageError: If the system refuses (any OSError).
    """
    if os.fspath(destination) == "-":
        buffer = io.BytesIO()
        write_to(buffer)
        try:
            sys.stdout.buffer.write(buffer.getbuffer())
            sys.stdout.buffer.flush()
        except OSError as error:
            raise _refusal("a writable output", "-", error) from error
        return
    # Behind a symbolic link the file is replaced, and the link stays.
    target = Path(os.path.realpath(destination))
    temporary = target.with_name(f".keras-dip-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            write_to(file)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise _refusal("a writable output", destination, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def format_of(destination: str | os.PathLike[str]) -> str:
    """Return Pillow's name of the format that a checked destination gets."""
    if os.fspath(destination) == "-":
        return "PNG"
    return _FORMATS[Path(destination).suffix.lower()]


def check_format(format: str, has_alpha: bool, deep: bool) -> None:
    """Refuse a format that cannot hold alpha, or 16 bits, where there are such."""
    if has_alpha and format not in _WITH_ALPHA:
        raise ImageError(
            "Expected .png, .tif or .webp for a picture with transparency. "
            f"Received: {format}, which cannot hold it."
        )
    if deep and format not in _WITH_16_BITS:
        raise ImageError(
            "Expected .png or .tif for a 16-bit picture. "
            f"Received: {format}, which cannot hold it."
        )


def _check_size(format: str, height: int, width: int) -> None:
    longest = _LONGEST_SIDE.get(format)
    if longest is not None and max(height, width) > longest:
        raise ImageError(
            f"Expected .png or .tif for a picture of {width}x{height} pixels. "
            f"Received: {format}, which holds at most {longest} a side."
        )


def _check_place(path: Path, force: bool) -> None:
    folder = os.path.dirname(os.path.realpath(path))
    exists = os.path.exists(path)
    if not os.path.isdir(folder):
        raise _refusal("an output in an existing folder", path)
    if exists and not os.path.isfile(path):
        raise _refusal("an ordinary file as output", path)
    if exists and not force:
        raise _refusal("an output that does not exist yet (or force)", path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _refusal("an output in a folder that is writable", path)


def _refusal(
    expected: str, path: str | os.PathLike[str], error: OSError | None = None
) -> ImageError:
    reason = f" ({error.strerror or error})" if error else ""
    return ImageError(f"Expected {expected}. Received: {os.fspath(path)!r}{reason}.")


def _same_file(path: Path, other: str | os.PathLike[str]) -> bool:
    try:
        return os.fspath(other) != "-" and os.path.samefile(path, other)
    except OSError:
        return False
