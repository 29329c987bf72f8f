"""What was asked for on the command line, and what is refused of it before the fit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from keras_dip.cli.degradation_file import files_in
from keras_dip.cli.folders import check_folder
from keras_dip.cli.options import FILES_READ
from keras_dip.cli.uncertainty import check_uncertainty
from keras_dip.tasks import Declaration

if TYPE_CHECKING:
    from keras_dip.images import ImageInfo


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, by what it is needed for."""

    declaration: Declaration
    task_options: dict[str, Any]  # in the units of the command line
    settings: dict[str, Any]  # arguments of DeepImagePrior; None: not given
    source: str
    output: str
    onnx: str | None = None
    half: bool = False
    keras: str | None = None
    report: str | None = None
    warm_start: str | None = None
    checkpoint: str | None = None  # a folder
    checkpoint_every: float | None = None  # seconds
    uncertainty: str | None = None
    snapshots: str | None = None  # a folder
    reference: str | None = None
    force: bool = False
    page: int | None = None
    data_range: tuple[float, float] | None = None
    depth: str | None = None
    format: str | None = None
    strip: bool = False
    as_json: bool = False

    @property
    def inputs(self) -> list[str]:
        """The files that are read."""
        read = [
            self.task_options.get(option.name)
            for option in self.declaration.options
            if option.type in FILES_READ
        ]
        for option in self.declaration.options:
            if option.type == "degradation":
                file: str = self.task_options[option.name]
                read += [file, *files_in(file)]
            elif option.type == "model":
                read.append(self.task_options[option.name])
        files = (self.source, *read, self.reference, self.warm_start)
        return [path for path in files if path]

    @property
    def outputs(self) -> list[str]:
        """The files that are written, the picture first."""
        files = (self.output, self.onnx, self.keras, self.report, self.uncertainty)
        return [path for path in files if path]

    @property
    def members(self) -> int:
        """How many fits will be averaged, as given or as the preset says."""
        given: int | None = self.settings["members"]
        preset = self.declaration.presets[self.settings["preset"]]
        return given or preset.get("members", 1)


def check_usage(request: Request) -> None:
    """Refuse options that do not go together; click.UsageError."""
    if request.half and not request.onnx:
        raise click.UsageError("Expected --onnx FILE beside --half. Received: none.")
    if request.inputs.count("-") > 1:
        raise click.UsageError(
            "Expected one '-', as standard input is one file. "
            f"Received: {request.inputs.count('-')}."
        )
    if request.checkpoint and "-" in (*request.inputs, *request.outputs):
        raise click.UsageError(
            "Expected files beside --checkpoint, to be read and written again. "
            "Received: '-'."
        )
    others = [os.path.realpath(p) for p in (*request.outputs, request.snapshots) if p]
    if request.checkpoint and os.path.realpath(request.checkpoint) in others:
        raise click.UsageError(
            "Expected a folder of its own for --checkpoint. "
            f"Received: {request.checkpoint!r}, which is an output too."
        )
    if request.checkpoint_every is not None and request.checkpoint is None:
        raise click.UsageError(
            "Expected --checkpoint DIR beside --checkpoint-every. Received: none."
        )
    if request.checkpoint == "":
        raise click.UsageError("Expected a folder for --checkpoint. Received: ''.")
    if request.output == "-" and request.as_json:
        raise click.UsageError(
            "Expected a file for the picture beside --json, which needs standard "
            "output. Received: -o -."
        )
    if request.output == "-" and sys.stdout.isatty():
        raise click.UsageError(
            "Expected -o - to go to a file or another program. "
            "Received: standard output is the terminal."
        )
    if request.uncertainty and request.members < 2:
        raise click.UsageError(
            "Expected --members 2 or more beside --uncertainty. Received: 1."
        )
    if len({os.path.realpath(path) for path in request.outputs}) < len(request.outputs):
        raise click.UsageError(
            "Expected another file for each output. "
            f"Received: {', '.join(request.outputs)}."
        )


def check_outputs(request: Request) -> None:
    """Refuse outputs that could not, or must not, be written; ImageError."""
    from keras_dip import images

    inputs, force = request.inputs, request.force
    images.check_output(
        request.output, inputs=inputs, force=force, format=request.format
    )
    for path, suffix in ((request.onnx, ".onnx"), (request.keras, ".keras")):
        if path:
            images.check_output(path, inputs=inputs, force=force, suffixes=(suffix,))
    if request.report:
        from keras_dip.report import SUFFIXES

        images.check_output(
            request.report, inputs=inputs, force=force, suffixes=SUFFIXES
        )
    if request.uncertainty:
        check_uncertainty(request.uncertainty, inputs=inputs, force=force)
    if request.snapshots:
        others = [path for path in [*inputs, *request.outputs] if path != "-"]
        check_folder(request.snapshots, other_files=others, force=force)


def check_sizes(request: Request, info: ImageInfo, shape: Sequence[int]) -> None:
    """Check again what was not known before the picture was read."""
    from keras_dip import images

    inputs, force = request.inputs, request.force
    images.check_output(
        request.output,
        inputs=inputs,
        force=force,
        info=info,
        shape=shape,
        format=request.format,
    )
    if request.uncertainty:
        size = shape[:2]
        check_uncertainty(request.uncertainty, inputs=inputs, force=force, shape=size)
