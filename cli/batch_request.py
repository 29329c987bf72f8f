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
from keras_dip.images.formats import SUFFIXES
from keras_dip.tasks import Declaration

WRITTEN = {
    "onnx": ".onnx",
    "keras": ".keras",
    "report": ".html",
    "uncertainty": ".npy",
}
"""Options that are folders of files to write, and their suffixes."""

FOLDERS = ("snapshots", "checkpoint")
"""Those that are folders of a folder for each picture."""

_NOT_IN_A_LIST = (
    *(*WRITTEN, *FOLDERS, "output", "format"),
    *("half", "force", "checkpoint_every", "as_json"),
)


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
        named = [*WRITTEN, *FOLDERS, *_read_by(self.declaration)]
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
    for name, value in values.items():
        if value is None and asked.params[name].required:
            raise click.UsageError(
                f"Expected --{name.replace('_', '-')}, or a column '{name}' in a list. "
                f"Received: none for {picture.source!r}."
            )
    _name_files(asked.declaration, values, picture.name)
    own = {option.name for option in asked.declaration.options}
    rest = {field.name for field in dataclasses.fields(Request)} & set(values)
    return Request(
        asked.declaration,
        source=picture.source,
        output=os.path.join(asked.output, *picture.name.split("/")),
        task_options={name: values.pop(name) for name in own},
        **{name: values.pop(name) for name in rest},
        settings=values,
    )


def _name_files(declaration: Declaration, values: dict[str, Any], name: str) -> None:
    """Put the files of one picture in the place of the folders of all."""
    stem = PurePosixPath(name).with_suffix("")
    for option, suffix in WRITTEN.items():
        if values[option]:
            values[option] = os.path.join(values[option], f"{stem}{suffix}")
    for option in FOLDERS:
        if values[option]:
            values[option] = os.path.join(values[option], name)
    for option, suffixes in _read_by(declaration).items():
        if values[option] and os.path.isdir(values[option]):
            values[option] = _same_name(values[option], name, suffixes)
    reference = values["reference"]
    if reference and not (is_url(reference) or os.path.exists(reference)):
        values["reference"] = None  # only for the PSNR, where it is known


def absolute(request: Request) -> Request:
    """Return the request with paths that are the same from every working folder."""

    def anywhere(path: str | None) -> str | None:
        return path if path is None or is_url(path) else os.path.abspath(path)

    own = dict(request.task_options)
    more: dict[str, Any] = {
        name: anywhere(getattr(request, name))
        for name in ("source", "output", *WRITTEN, *FOLDERS)
    }
    for name in _read_by(request.declaration):
        if name in own:
            own[name] = anywhere(own[name])
        else:
            more[name] = anywhere(getattr(request, name))
    return dataclasses.replace(request, task_options=own, **more)


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
        is_file = name in _read_by(asked.declaration)
        cells[name] = beside(picture, value) if is_file else value
    return cells


def _read_by(declaration: Declaration) -> dict[str, Sequence[str]]:
    """Return the options that name a file to read, and the suffixes it may have."""
    suffixes = {"degradation": (".toml",), "model": (".keras",)}
    own = {
        option.name: suffixes.get(option.type, SUFFIXES)
        for option in declaration.options
        if option.type in METAVAR_FILE
    }
    return {**own, "reference": SUFFIXES, "warm_start": (".keras",)}


def _same_name(folder: str, name: str, suffixes: Sequence[str]) -> str:
    """Return the file of a folder for a picture, by its name or one like it."""
    same = Path(folder, name)
    names = [same, *map(same.with_suffix, suffixes)]
    return str(next((path for path in names if path.is_file()), same))
