"""One picture of a batch, restored in a worker as the single verb restores it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_dip.batch.manifest import DONE, FAILED, Entry, plain, sha256_of
from keras_dip.batch.remote import is_url, local_copy
from keras_dip.cli import tiles
from keras_dip.cli.folders import make_folder
from keras_dip.cli.messages import Messages
from keras_dip.cli.options import METAVAR_FILE
from keras_dip.cli.request import Request
from keras_dip.errors import KerasDipError

if TYPE_CHECKING:
    from keras_dip.restoration import Restoration
    from keras_dip.traces import Traces


_NO_SETTINGS = (
    *("declaration", "task_options", "settings", "source", "output", "onnx", "keras"),
    *("warm_start", "checkpoint", "checkpoint_every", "uncertainty", "snapshots"),
    *("reference", "report", "force", "as_json"),
)
"""Fields of a request that are told in another way, or change nothing of a picture."""


@dataclass(frozen=True)
class Job:
    """What a worker needs to know of a picture.

    Attributes:
        input: The picture as it was named.
        name: Of the output, below the output folder.
        request: What is asked for it; its files may be URLs.
        verbose: Whether the worker speaks.
        divides: Whether to cut the picture and go no further if it has tiles.
        tile: The number of the one tile to fit, from 0; None for the picture.
    """

    input: str
    name: str
    request: Request
    verbose: bool = False
    divides: bool = False
    tile: int | None = None


@dataclass(frozen=True)
class Cut:
    """What came of a picture that is to be fitted tile by tile, for now."""

    tiles: int
    seconds: float


def restore_job(job: Job) -> Entry | Cut:
    """Do a job and return the picture's line of the manifest, whatever happens."""
    begun = time.monotonic()
    facts: dict[str, Any] = {}

    def seconds() -> float:
        return round(time.monotonic() - begun, 3)

    try:
        with local_files(job.request) as request:
            facts |= {
                "sha256": sha256_of(request.source),
                "settings": plain(settings_of(request)),
            }
            for path in request.outputs:
                make_folder(Path(path).parent)
            with quiet(job.verbose) as messages:
                if job.tile is not None:
                    tiles.fit_tile(request, job.tile, messages)
                    facts |= {"result": DONE}
                elif job.divides and (count := tiles.count(request, messages)) > 1:
                    return Cut(count, seconds())
                else:
                    tiles.release()
                    facts |= _restore(request, job.request, messages)
    except Exception as error:
        facts |= {"result": FAILED, "error": reason(error)}
    return Entry(job.input, job.name, seconds=seconds(), **facts)


@contextlib.contextmanager
def quiet(verbose: bool) -> Iterator[Messages]:
    """Give where a worker speaks, and let its pictures share compiled steps."""
    from keras_dip.cli.fit import hushed_tensorflow

    messages = Messages(quiet=not verbose, verbose=verbose)
    if not verbose:  # it warns that each picture is traced anew
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with messages.warnings_as_lines():
        with hushed_tensorflow(messages):
            from keras_dip.together import in_force
            from keras_dip.traces import shared_traces
        with shared_traces(_twins() if in_force() else _traces()):
            yield messages


def _restore(request: Request, asked: Request, messages: Messages) -> dict[str, Any]:
    from keras_dip.cli.task_command import restore

    facts: dict[str, Any] = {}

    def told(restoration: Restoration, psnr: float | None) -> None:
        facts["psnr"] = None if psnr is None else float(psnr)
        facts["steps"] = restoration.steps
        facts["stopped_by"] = restoration.stopped_by

    code = restore(request, messages, told, asked=asked)
    error = f"not everything was written (exit code {code})" if code else None
    return {**facts, "result": FAILED if code else DONE, "error": error}


@functools.cache
def _traces() -> Traces:
    """Return the compiled steps that this process keeps for its next picture."""
    from keras_dip.traces import Traces

    return Traces()


@functools.cache
def _twins() -> Traces:
    """Return those that pictures share which are fitted at the same time."""
    from keras_dip.traces import Twins

    return Twins()


@contextlib.contextmanager
def local_files(request: Request) -> Iterator[Request]:
    """Give the request with local copies of its files that are behind URLs."""
    with contextlib.ExitStack() as stack:

        def local(path: str | None) -> str | None:
            remote = path is not None and is_url(path)
            return stack.enter_context(local_copy(path)) if remote else path  # type: ignore[arg-type]

        options = {
            name: local(value) if isinstance(value, str) else value
            for name, value in request.task_options.items()
        }
        yield dataclasses.replace(
            request,
            task_options=options,
            source=local(request.source) or "",
            reference=local(request.reference),
            warm_start=local(request.warm_start),
        )


def settings_of(request: Request) -> dict[str, Any]:
    """Return all that decides what comes of a picture's bytes, as plain data.

    A file stands there by what is in it: a mask may change, or move. What the task does
    not read (the reference) and how the result is kept is left out.
    """
    options = dict(request.task_options)
    for option in request.declaration.options:
        if option.type in METAVAR_FILE and options[option.name]:
            options[option.name] = _content(options[option.name])
    settings = {**options, **request.settings}
    for name in ("page", "data_range", "depth", "format"):
        settings[name] = getattr(request, name)
    settings["strip"] = request.strip or None
    if request.warm_start:
        settings["warm_start"] = _content(request.warm_start)
    inside = [
        path
        for path in request.inputs
        if path not in (request.source, request.reference, request.warm_start)
        and path not in request.task_options.values()
    ]
    if inside:  # the files that a list of degradations names
        settings["files"] = [_content(path) for path in inside]
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        if field.name not in _NO_SETTINGS and value != field.default:
            settings[field.name] = value
    given = {name: value for name, value in settings.items() if value is not None}
    return {"task": request.declaration.title, "options": given}


def reason(error: Exception) -> str:
    """Return why a picture failed, in one line."""
    if isinstance(error, click.ClickException):
        return " ".join(error.format_message().split())
    text = " ".join(str(error).split())
    foreseen = isinstance(error, KerasDipError) and text
    return text if foreseen else f"{type(error).__name__}: {text}"


def _content(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return path
    return _content_of(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)  # one mask for all pictures is read once
def _content_of(path: str, changed: int, size: int) -> str:
    return f"sha256:{sha256_of(path)}"
