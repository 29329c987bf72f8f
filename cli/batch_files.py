"""All files of a batch, seen together before the start.

What one picture's outputs would do to another picture's files is seen nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from keras_dip.batch import manifest
from keras_dip.batch.remote import is_url
from keras_dip.cli.request import Request
from keras_dip.errors import KerasDipError


def check_files(
    requests: Sequence[Request], folder: str, sources: Iterable[str] = ()
) -> None:
    """Refuse outputs that would replace one another, an input or the manifest.

    Args:
        requests: What is asked for each picture.
        folder: Where the pictures and the manifest go.
        sources: Files that are read for all pictures, such as lists; URLs are passed
            over, here and among the inputs.

    Raises:
        KerasDipError: With the names.
    """
    wanted_by = _owners(requests, folder)
    existing = {_on_disk(path): path for path in wanted_by if os.path.exists(path)}
    folders = {_place(path) for request in requests for path in _folders(request)}
    inputs = {path for request in requests for path in request.inputs}
    for path in sorted(inputs.union(sources)):
        if is_url(path) or not os.path.exists(path):
            continue
        real = _place(path)
        if real in wanted_by or _on_disk(path) in existing:
            raise KerasDipError(
                "Expected outputs that replace no input. "
                f"Received: {path!r}, which would be both."
            )
        if not folders.isdisjoint(map(str, Path(real).parents)):
            raise KerasDipError(
                "Expected folders without inputs for --snapshots and --checkpoint. "
                f"Received: the input {path!r} in one."
            )


def _owners(requests: Sequence[Request], folder: str) -> dict[str, str]:
    """Return who writes what; refuse two for one place."""
    owners = {_place(os.path.join(folder, manifest.FILE)): "the manifest"}
    for request in requests:
        owner = repr(request.source)
        for path in (*request.outputs, *_folders(request)):
            other = owners.setdefault(_place(path), owner)
            if other is not owner:
                raise KerasDipError(
                    "Expected another output for each picture. "
                    f"Received: {other} and {owner}, both for {path!r} "
                    "(a .csv list can name outputs)."
                )
    return owners


def _folders(request: Request) -> Iterator[str]:
    return filter(None, (request.snapshots, request.checkpoint))


def _place(path: str) -> str:
    """Return where a path leads: behind links files are replaced, and links stay."""
    return os.path.normcase(os.path.realpath(path))


def _on_disk(path: str) -> tuple[int, int]:
    """Return what tells a file that exists from all others, whatever its name."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
