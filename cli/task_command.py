"""The story of one restoration on the command line, and the command of each task.

Everything that can be refused is refused before the fit: outputs first, then what was
read. After it, the picture is written whatever ended it.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from keras_dip.cli import INTERRUPTED, options
from keras_dip.cli.messages import Messages
from keras_dip.tasks import Declaration

if TYPE_CHECKING:
    import numpy as np

    from keras_dip.images import ImageInfo
    from keras_dip.restoration import Restoration


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
    reference: str | None = None
    force: bool = False

    @property
    def inputs(self) -> list[str]:
        """The files that are read."""
        masks = [
            self.task_options.get(option.name)
            for option in self.declaration.options
            if option.type == "mask"
        ]
        return [path for path in (self.source, *masks, self.reference) if path]


def make_command(declaration: Declaration, verb: str) -> click.Command:
    """Make the command of a task from what it declares."""
    own_names = {option.name for option in declaration.options}
    files = {"source", "output", "onnx", "half", "reference", "force"}

    @click.pass_obj
    def callback(messages: Messages, /, **values: Any) -> int:
        request = Request(
            declaration,
            task_options={name: values.pop(name) for name in own_names},
            **{name: values.pop(name) for name in files},
            settings=values,
        )
        return restore(request, messages)

    source = click.Argument(["source"], metavar="IN", type=options.PICTURE)
    return click.Command(
        verb,
        callback=callback,
        params=[
            source,
            *options.task_options(declaration),
            *options.fit_options(declaration.presets),
        ],
        help=f"{declaration.summary}\n\nIN is the picture to restore: PNG, JPEG, TIFF, "
        "WebP or BMP; '-' reads it from standard input. Ctrl-C ends early and "
        "still writes the best picture so far.",
        short_help=declaration.summary,
    )


def restore(request: Request, messages: Messages) -> int:
    """Restore the picture of a request, write it, and return the exit code."""
    import numpy as np

    from keras_dip import images
    from keras_dip.cli.fit import fit, make_task
    from keras_dip.images.convert import quantise

    _check_usage(request)
    _check_outputs(request)
    floats, info = images.read(request.source)
    task = make_task(
        request.declaration.name, _task_arguments(request, floats.shape, info)
    )
    # The integers of the file, so that the fit knows the picture's depth.
    picture = quantise(floats, info.dtype)
    if task.takes_alpha and info.alpha is not None:
        picture = np.dstack([picture, info.alpha])
        # The holes get filled: the output has nothing transparent any more.
        info = dataclasses.replace(info, alpha=None)
    images.check_output(
        request.output,
        inputs=request.inputs,
        force=request.force,
        info=info,
        shape=task.restored_shape((*floats.shape[:2], 1))[:2],
    )
    reference = images.read(request.reference)[0] if request.reference else None
    outcome = fit(
        task,
        picture,
        reference=reference,
        settings=request.settings,
        messages=messages,
    )
    restoration = outcome.restoration
    images.write(
        restoration.image,
        request.output,
        info=info,
        inputs=request.inputs,
        force=request.force,
    )
    if outcome.error is not None:
        messages.note(f"wrote {_name(request.output)}, the best picture so far")
        raise outcome.error
    if request.onnx:
        restoration.export(request.onnx, half=request.half, force=request.force)
    _summarise(request, restoration, reference, messages)
    return exit_code(restoration)


def exit_code(restoration: Restoration) -> int:
    """Return what a shell has to know of how the fit ended."""
    return INTERRUPTED if restoration.stopped_by == "interrupt" else 0


def _check_usage(request: Request) -> None:
    if request.half and not request.onnx:
        raise click.UsageError("Expected --onnx FILE beside --half. Received: none.")
    if request.inputs.count("-") > 1:
        raise click.UsageError(
            "Expected one '-', as standard input is one file. "
            f"Received: {request.inputs.count('-')}."
        )
    if request.output == "-" and sys.stdout.isatty():
        raise click.UsageError(
            "Expected -o - to go to a file or another program. "
            "Received: standard output is the terminal."
        )


def _check_outputs(request: Request) -> None:
    from keras_dip import images

    inputs, force = request.inputs, request.force
    images.check_output(request.output, inputs=inputs, force=force)
    if request.onnx:
        images.check_output(
            request.onnx, inputs=inputs, force=force, suffixes=(".onnx",)
        )


def _task_arguments(
    request: Request, shape: tuple[int, ...], info: ImageInfo
) -> dict[str, Any]:
    """Return the task's arguments in its own units."""
    arguments = {}
    for option in request.declaration.options:
        value = request.task_options[option.name]
        if option.type == "mask" and value is None:
            _check_holes(option.name, info)
        elif option.type == "mask":
            arguments[option.name] = _read_mask(value, shape)
        elif value is not None:
            arguments[option.name] = options.to_python(option, value)
    return arguments


def _check_holes(name: str, info: ImageInfo) -> None:
    """Refuse a picture whose alpha cannot be the mask."""
    import numpy as np

    if info.alpha is None:
        raise click.UsageError(
            f"Expected --{name} FILE, or a picture with transparent holes. "
            "Received: no mask and a picture without transparency."
        )
    if (info.alpha > np.iinfo(info.alpha.dtype).max / 2).all():
        raise click.UsageError(
            f"Expected --{name} FILE, or a picture with transparent holes. "
            "Received: no mask and a picture that is opaque everywhere."
        )


def _read_mask(path: str, shape: tuple[int, ...]) -> np.ndarray:
    from keras_dip import images
    from keras_dip.errors import ImageError

    mask = images.read_mask(path)
    if mask.shape[:2] != shape[:2]:
        raise ImageError(
            f"Expected a mask of the picture's size, {size_of(shape)}. "
            f"Received: {path!r} of {size_of(mask.shape)}."
        )
    return mask


def size_of(shape: Sequence[int]) -> str:
    """Return the size of a picture of some shape in words, width first."""
    height, width = shape[:2]
    return f"{width}x{height} pixels"


def _summarise(
    request: Request,
    restoration: Restoration,
    reference: np.ndarray | None,
    messages: Messages,
) -> None:
    from keras_dip.cli.progress import clock

    if restoration.stopped_by != "steps":
        messages.note(restoration.stop_reason)
    parts = [f"{restoration.steps} steps in {clock(restoration.seconds)}"]
    if reference is not None:
        from keras_dip.metrics import psnr

        # A grey picture that came with alpha has a last axis.
        image = restoration.image.reshape(reference.shape)
        parts.append(f"PSNR {psnr(image, reference):.2f} dB")
    written = [request.output, request.onnx] if request.onnx else [request.output]
    parts.append("wrote " + " and ".join(_name(path) for path in written if path))
    messages.note(", ".join(parts))
    for name, value in restoration.settings.items():
        messages.detail(f"  {name}: {value}")


def _name(path: str) -> str:
    return "standard output" if path == "-" else path
