"""Folders that outputs go into: refused before any work, made when they are needed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def check_folder(
    folder: str | os.PathLike[str], *, other_files: Iterable[str], force: bool
) -> None:
    """Refuse a folder that files could not, or must not, be written into.

    Args:
        folder: Where they will go; need not exist.
        other_files: Inputs and other outputs, none of which may lie there.
        force: Allow a folder that is not empty.

    Raises:
        ImageError: With the reason.
    """
    path = Path(os.path.realpath(folder))
    above = path
    while not os.path.lexists(above):
        above = above.parent
    if not above.is_dir():
        raise _refusal("a folder", folder)
    if not os.access(above, os.R_OK | os.W_OK | os.X_OK):
        raise _refusal("a folder that is writable", folder)
    others = [Path(os.path.realpath(file)) for file in other_files]
    if any(path in (file.parent, file) or file in path.parents for file in others):
        raise _refusal("a folder without inputs and other outputs", folder)
    if above == path and not force and any(path.iterdir()):
        raise _refusal("a folder that is empty (or --force)", folder)


def make_folder(folder: str | os.PathLike[str]) -> Path:
    """Make a folder, and those above it, unless it exists; return its path.

    Raises:
        ImageError: If the system refuses.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refusal("a folder for the pictures", folder, error) from error
    return path


def _refusal(
    expected: str, folder: str | os.PathLike[str], error: OSError | None = None
) -> Exception:
    from keras_dip.errors import ImageError

    reason = f" ({error.strerror})" if error else ""
    return ImageError(f"Expected {expected}. Received: {os.fspath(folder)!r}{reason}.")
