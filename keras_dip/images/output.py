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
from keras_dip.images.formats import BY_SUFFIX, FORMATS, SUFFIXES, check_format
from keras_dip.images.info import ImageInfo

TEMPORARY = ".keras-dip-*.tmp"
"""Pattern of the names of files that a killed process did not come to rename."""


def check_output(
    destination: str | os.PathLike[str],
    *,
    inputs: Iterable[str | os.PathLike[str]] = (),
    force: bool = False,
    suffixes: Sequence[str] = SUFFIXES,
    info: ImageInfo | None = None,
    shape: Sequence[int] | None = None,
    format: str | None = None,
) -> None:
    """Refuse an output that could not, or must not, be written; before any work.

    Args:
        destination: Path, or "-" for standard output.
        inputs: Files that must not be overwritten, even with `force`.
        force: Allow an existing file to be replaced.
        suffixes: The suffixes that can be written.
        info: Properties that a picture file will have to hold.
        shape: Height, width and channels (3 if left out) of the picture that it will
            have to hold.
        format: One of `formats.FORMATS`, whatever the suffix; None for the suffix's.

    Raises:
        ImageError: With the reason.
    """
    if os.fspath(destination) != "-":
        path = Path(destination)
        if format is None and path.suffix.lower() not in suffixes:
            raise _refusal(f"a name ending in {', '.join(suffixes)}", path)
        for other in inputs:
            if _same_file(path, other):
                raise _refusal("an output that is not an input", path)
        _check_place(path, force)
    if info is None and shape is None:
        return
    name = format or format_of(destination)
    if info is not None:
        channels = shape[2] if shape is not None and len(shape) > 2 else 3
        check_format(name, info.dtype, channels, info.alpha is not None)
    if shape is not None:
        _check_size(name, *shape[:2])


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
    temporary = target.with_name(TEMPORARY.replace("*", secrets.token_hex(8)))
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
    """Return the name of the format that a checked destination gets."""
    if os.fspath(destination) == "-":
        return "PNG"
    return BY_SUFFIX[Path(destination).suffix.lower()]


def _check_size(format: str, height: int, width: int) -> None:
    longest = FORMATS[format].longest_side
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
