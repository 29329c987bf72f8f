"""What is asked for one picture of a batch: the request of the single verb.

An option that names a file names a folder here, where each picture has its own file of
the same name; a file that is read may also be one for all pictures.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import click

from keras_dip.batch.remote import is_url
from keras_dip.batch.worklist import Picture, beside
from keras_dip.cli.options import METAVAR_FILE
from keras_dip.cli.request import Request, check_usage
from keras_dip.images.output import SUFFIXES
from keras_dip.tasks import Declaration

WRITTEN = {"onnx": ".onnx", "keras": ".keras", "uncertainty": ".npy"}
"""Options that are folders of files to write, and their suffixes."""

FOLDERS = ("snapshots", "checkpoint")
"""Those that are folders of a folder for each picture."""

_READ = ("reference", "warm_start")
_NOT_IN_A_LIST = (*WRITTEN, *FOLDERS, "output", "half", "force", "checkpoint_every")


@dataclass(frozen=True)
class Asked:
    """What was asked for all pictures.

    Attributes:
        declaration: The task.
        params: The options of the single verb, by name, to read cells of a list with.
        values: What was given for them, in the units of the command line.
        output: The folder of the outputs.
    """

    declaration: Declaration
    params: Mapping[str, click.Parameter]
    values: Mapping[str, Any]
    output: str

    @property
    def folders(self) -> list[str]:
        """The folders whose pictures are no inputs."""
        named = [*WRITTEN, *FOLDERS, *_READ, *_files_of(self.declaration)]
        values = [self.values.get(name) for name in named]
        return [self.output, *(v for v in values if v and os.path.isdir(v))]


def make_requests(asked: Asked, pictures: Sequence[Picture]) -> Iterator[Request]:
    """Make the request of each picture; refuse what the single verb would.

    Raises:
        click.UsageError: With the line of the list, where it comes from one.
    """
    clean = asked.values["reference"]
    if clean and not os.path.isdir(clean):
        raise click.UsageError(
            f"Expected a local folder for --reference. Received: {clean!r}."
        )
    for picture in pictures:
        try:
            request = _request(asked, picture)
            check_usage(request)
            if "-" in (*request.inputs, *request.outputs):
                raise click.UsageError("Expected files in a batch. Received: '-'.")
            if request.checkpoint and any(map(is_url, request.inputs)):
                raise click.UsageError(
                    "Expected local files beside --checkpoint. Received: URLs."
                )
        except click.UsageError as error:
            where = f"{picture.line}: " if picture.line else ""
            raise click.UsageError(where + error.format_message()) from error
        yield request


def _request(asked: Asked, picture: Picture) -> Request:
    values = {**asked.values, **_cells(asked, picture)}
    for name, param in asked.params.items():
        if param.required and values.get(name) is None and name in values:
            flag = name.replace("_", "-")
            raise click.UsageError(
                f"Expected --{flag}, or a column '{name}' in a list. Received: none "
                f"for {picture.source!r}."
            )
    stem = PurePosixPath(picture.name).with_suffix("")
    for name, suffix in WRITTEN.items():
        if values[name]:
            values[name] = os.path.join(values[name], f"{stem}{suffix}")
    for name in FOLDERS:
        if values[name]:
            values[name] = os.path.join(values[name], picture.name)
    files = _files_of(asked.declaration)
    for name in (*_READ, *files):
        if values[name] and os.path.isdir(values[name]):
            wanted = ".keras" if name == "warm_start" else None
            values[name] = _same_name(values[name], picture.name, wanted)
    if values["reference"] and not _exists(values["reference"]):
        values["reference"] = None  # only for the PSNR, where it is known
    own = {option.name for option in asked.declaration.options}
    return Request(
        asked.declaration,
        task_options={name: values.pop(name) for name in own},
        source=picture.source,
        output=os.path.join(asked.output, *picture.name.split("/")),
        **{name: values.pop(name) for name in (*WRITTEN, *FOLDERS, *_READ)},
        half=values.pop("half"),
        force=values.pop("force"),
        checkpoint_every=values.pop("checkpoint_every"),
        settings=values,
    )


def absolute(request: Request) -> Request:
    """Return the request with paths that are the same from every working folder."""

    def anywhere(path: str | None) -> str | None:
        return path if path is None or is_url(path) else os.path.abspath(path)

    paths: dict[str, Any] = {
        name: anywhere(getattr(request, name))
        for name in ("source", "output", *WRITTEN, *FOLDERS, *_READ)
    }
    options = dict(request.task_options)
    for name in _files_of(request.declaration):
        options[name] = anywhere(options[name])
    return dataclasses.replace(request, task_options=options, **paths)


def _cells(asked: Asked, picture: Picture) -> dict[str, Any]:
    """Return the options that a list gives for one picture, read as click would."""
    cells = {}
    columns = {name: n for n in asked.params for name in (n, n.replace("_", "-"))}
    for column, text in picture.options.items():
        name = columns.get(column)
        if name is None or name in _NOT_IN_A_LIST:
            known = [n for n in asked.params if n not in _NOT_IN_A_LIST]
            raise click.UsageError(
                f"Expected columns input, output and options of "
                f"{asked.declaration.title}: {', '.join(known)}. Received: {column!r}."
            )
        param = asked.params[name]
        value = param.process_value(click.get_current_context(), text)
        is_file = name in (*_READ, *_files_of(asked.declaration))
        cells[name] = beside(picture, value) if is_file else value
    return cells


def _files_of(declaration: Declaration) -> list[str]:
    return [o.name for o in declaration.options if o.type in METAVAR_FILE]


def _same_name(folder: str, name: str, suffix: str | None) -> str:
    """Return the file of a folder for a picture, whatever its format."""
    same = Path(folder, name)
    names = [same.with_suffix(s) for s in ((suffix,) if suffix else SUFFIXES)]
    found = (path for path in (same, *names) if path.is_file())
    return str(next(found, same))


def _exists(path: str) -> bool:
    return is_url(path) or os.path.exists(path)
