"""What was asked for, kept beside the checkpoints of the fit, to be asked again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_dip import tasks
from keras_dip.cli.options import METAVAR_FILE
from keras_dip.cli.request import Request
from keras_dip.errors import KerasDipError
from keras_dip.images.output import TEMPORARY
from keras_dip.locks import locked

FILE = "request.json"
_PATHS = (
    *("source", "output", "onnx", "keras", "report", "warm_start"),
    *("uncertainty", "snapshots", "reference", "checkpoint"),
)


def remember(request: Request, *, force: bool = False) -> None:
    """Keep a request in its folder of checkpoints, whatever the working folder is then.

    Args:
        request: What was asked for; nothing happens if it wants no checkpoints.
        force: Whether its outputs may be replaced when it is asked again.
    """
    from keras_dip.images import atomic_write

    if not request.checkpoint:
        return
    data = {
        **dataclasses.asdict(dataclasses.replace(request, declaration=None)),  # type: ignore[arg-type]
        "declaration": request.declaration.name,
        "force": force or request.force,
    }
    del data["as_json"]  # of the run, not of the picture: who goes on says it anew
    for name in _PATHS:
        data[name] = _absolute(data[name])
    for option in request.declaration.options:
        if option.type in METAVAR_FILE:
            path = data["task_options"][option.name]
            data["task_options"][option.name] = _absolute(path)
    folder = Path(request.checkpoint)
    text = json.dumps(data, indent=1)
    if _is_of_another(folder / FILE, text):
        raise KerasDipError(
            "Expected a folder without checkpoints of another run. "
            f"Received: {request.checkpoint!r}."
        )
    atomic_write(folder / FILE, lambda file: file.write(text.encode()))


def recall(folder: str) -> Request:
    """Return the request whose checkpoints are in a folder.

    Raises:
        KerasDipError: If there is none.
    """
    try:
        data = json.loads(Path(folder, FILE).read_bytes())
        declaration = tasks.declaration(data.pop("declaration"))
        options = {name: _value(v) for name, v in data.pop("task_options").items()}
        return Request(declaration, options, **{**data, "checkpoint": folder})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KerasDipError(
            "Expected a folder that --checkpoint made, of a run that did not come to "
            f"its end. Received: {folder!r} ({type(error).__name__}: {error})."
        ) from error


@contextlib.contextmanager
def remembered(request: Request) -> Iterator[None]:
    """Remember a request while it is done, and keep others from its folder.

    If that ends without progress it is forgotten, unless an earlier run remembered it.

    Raises:
        KerasDipError: If another run is at work there, or the folder is another's.
    """
    if not request.checkpoint:
        yield
        return
    folder = Path(request.checkpoint)
    _make(folder)
    with locked(folder, "a folder of checkpoints where no other run is at work"):
        is_new = not (folder / FILE).exists()
        remember(request)
        try:
            yield
        except BaseException:
            if is_new and not any(folder.glob("*.npz")):
                forget(request)
            raise


def forget(request: Request) -> None:
    """Remove a request and its checkpoints, and the folder if nothing else is in it."""
    if request.checkpoint:
        folder = Path(request.checkpoint)
        for pattern in ("member-*.npz", TEMPORARY, FILE):
            for file in folder.glob(pattern):
                file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something of the user's is in it
            folder.rmdir()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KerasDipError(
            f"Expected a folder for checkpoints. Received: {str(folder)!r} "
            f"({error.strerror or error})."
        ) from error


def _is_of_another(file: Path, text: str) -> bool:
    """Return whether there is a request, and one that differs in more than force."""
    if not file.exists():
        return False
    try:
        return {**json.loads(file.read_bytes()), "force": 0} != {
            **json.loads(text),
            "force": 0,
        }
    except (ValueError, TypeError):
        return True


def _absolute(path: str | None) -> str | None:
    return path if path is None else os.path.abspath(path)


def _value(value: Any) -> Any:
    """Return what JSON made a list of as click gave it."""
    return tuple(value) if isinstance(value, list) else value
