"""The story of one restoration on the command line, and the command of each task.

Everything that can be refused is refused before the fit: outputs first, then what was
read. After it, the picture is written whatever ended it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_dip.cli import FAILED, INTERRUPTED, files, options
from keras_dip.cli.checkpoints import forget, remember, remembered
from keras_dip.cli.degradation_file import read_degradations
from keras_dip.cli.messages import Messages
from keras_dip.cli.reproduction import command_of
from keras_dip.cli.request import Request, check_outputs, check_sizes, check_usage
from keras_dip.cli.snapshots import COUNT, write_snapshots
from keras_dip.cli.summary import name_of, print_json, summarise
from keras_dip.cli.uncertainty import write_uncertainty
from keras_dip.errors import KerasDipError
from keras_dip.tasks import Declaration

if TYPE_CHECKING:
    import numpy as np

    from keras_dip.images import ImageInfo
    from keras_dip.restoration import Restoration
    from keras_dip.tasks import Task

    Told = Callable[[Restoration, float | None], None]


def make_command(declaration: Declaration, verb: str) -> click.Command:
    """Make the command of a task from what it declares."""
    own_names = {option.name for option in declaration.options}
    own_fields = {field.name for field in dataclasses.fields(Request)} - {
        "declaration",
        "task_options",
        "settings",
    }

    @click.pass_obj
    def callback(messages: Messages, /, **values: Any) -> int:
        request = Request(
            declaration,
            task_options={name: values.pop(name) for name in own_names},
            **{name: values.pop(name) for name in own_fields},
            settings=values,
        )
        return restore_and_tell(request, messages)

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
        "WebP, AVIF, BMP, PNM, .npy or .npz; '-' reads it from standard input. Ctrl-C "
        "ends early and still writes the best picture so far.",
        short_help=declaration.summary,
    )


def restore_and_tell(request: Request, messages: Messages) -> int:
    """Restore the picture of a request; with --json print what came of it.

    Returns:
        The exit code.
    """
    if not request.as_json:
        return restore(request, messages)
    from keras_dip.batch.manifest import DONE, FAILED, Entry, sha256_of
    from keras_dip.cli.batch_job import reason

    digest = sha256_of(request.source)
    entry = Entry(request.source, request.output, DONE, sha256=digest)

    def told(restoration: Restoration, psnr: float | None) -> None:
        nonlocal entry
        entry = dataclasses.replace(
            entry,
            psnr=psnr,
            seconds=round(restoration.seconds, 3),
            steps=restoration.steps,
            stopped_by=restoration.stopped_by,
            settings=restoration.settings,
        )

    try:
        code = restore(request, messages, told)
    except Exception as error:
        print_json(dataclasses.replace(entry, result=FAILED, error=reason(error)))
        raise
    print_json(entry)
    return code


@dataclasses.dataclass(frozen=True)
class Ready:
    """A request whose picture was read and found fit to be restored.

    Attributes:
        task: What is to be undone.
        picture: [H, W] or [H, W, C], in the integers of the file.
        info: What the output will have to hold.
        reference: The undamaged picture, floats in [0, 1], or None.
        scale: The numbers that are black and white in a file of floats; else None.
    """

    task: Task
    picture: np.ndarray
    info: ImageInfo
    reference: np.ndarray | None
    scale: tuple[float, float] | None


def prepare(request: Request, messages: Messages) -> Ready:
    """Read what a request names, and refuse what can be refused before the fit."""
    import numpy as np

    from keras_dip import images
    from keras_dip.cli.fit import make_task
    from keras_dip.images.convert import quantise

    check_usage(request)
    check_outputs(request)
    floats, info = images.read(
        request.source, page=request.page, data_range=request.data_range
    )
    task = make_task(
        request.declaration.name,
        _task_arguments(request, floats.shape, info, messages),
    ).informed_by(info)
    # The integers of the file, so that the fit knows the picture's depth.
    picture = floats if info.dtype == "float32" else quantise(floats, info.dtype)
    shape = floats.shape
    scale = (info.data_range or (0.0, 1.0)) if info.dtype == "float32" else None
    del floats  # of large pictures that is much
    if task.takes_alpha and info.alpha is not None:
        picture = np.dstack([picture, info.alpha])
        # The holes get filled: the output has nothing transparent any more.
        info = dataclasses.replace(info, alpha=None)
    channels = 1 if len(shape) == 2 else shape[2]
    restored_shape = task.restored_shape((*shape[:2], channels))
    if channels == 1 and restored_shape[2] == 3:
        info = _in_colour(info)
    info = files.adapted(info, request.depth, request.strip)
    check_sizes(request, info, restored_shape)
    reference = _read_reference(request.reference, scale)
    return Ready(task, picture, info, reference, scale)


def _read_reference(
    path: str | None, scale: tuple[float, float] | None
) -> np.ndarray | None:
    """Return the undamaged picture.

    Args:
        path: Its file, or None.
        scale: The black and white of the damaged picture, if that is a float file: a
            reference of floats is compared with it on the same scale.
    """
    from keras_dip import images
    from keras_dip.errors import ImageError

    if path is None:
        return None
    reference, info = images.read(path)
    if scale and info.dtype == "float32" and info.data_range != scale:
        try:
            reference, _ = images.read(path, data_range=scale)
        except ImageError as error:
            raise ImageError(
                f"{error} --data-range LOW,HIGH gives both the same black and white."
            ) from error
    return reference


def restore(
    request: Request,
    messages: Messages,
    told: Told | None = None,
    *,
    asked: Request | None = None,
) -> int:
    """Restore the picture of a request, write it, and return the exit code.

    Args:
        request: What was asked for.
        messages: Where to speak.
        told: Called in the end with the restoration and its PSNR in dB, if known.
        asked: The request as it was made, where this one names local copies of files.
    """
    from keras_dip import images
    from keras_dip.cli.fit import fit

    ready = prepare(request, messages)
    info, reference = ready.info, ready.reference
    with remembered(request):
        outcome = fit(
            ready.task,
            ready.picture,
            reference=reference,
            settings=arguments_of(request),
            warm_start=request.warm_start,
            checkpoint=checkpoint_of(request),
            messages=messages,
        )
    restoration = outcome.restoration
    if ready.scale:  # regenerate writes the numbers of the file
        restoration.settings["data_range"] = list(ready.scale)
    if not request.strip:
        info = dataclasses.replace(info, note=files.note_of(restoration.settings))
    errors: dict[str, Exception] = {}
    with _kept(errors, request.output):
        images.write(
            restoration.image,
            request.output,
            info=info,
            inputs=request.inputs,
            force=request.force,
            format=request.format,
        )
    if errors:
        _rescue(request, restoration, info, messages)
    else:
        # Who goes on may replace what this run wrote; at worst with --force.
        with contextlib.suppress(KerasDipError):
            remember(request, force=True)
    if outcome.error is not None:
        if not errors:
            messages.note(f"wrote {name_of(request.output)}, the best picture so far")
        _tell([*errors.values()], messages)
        _keep_checkpoint(request, messages)
        raise outcome.error
    missing = _write_more(
        request, restoration, info, errors, messages, asked or request
    )
    first, *others = errors.values() or [None]
    _tell(others, messages)
    psnr = _psnr(restoration, reference)
    paths = [*request.outputs, request.snapshots]
    wrote = [path for path in paths if path and path not in missing]
    summarise(restoration, psnr, wrote, messages)
    if told is not None:
        told(restoration, psnr)
    if first is not None or restoration.stopped_by in ("interrupt", "time limit"):
        _keep_checkpoint(request, messages)
    else:
        forget(request)
    if first is not None:
        raise first
    return exit_code(restoration) or (FAILED if missing else 0)


def _rescue(
    request: Request, restoration: Restoration, info: ImageInfo, messages: Messages
) -> None:
    """Put a picture that found no place where it was to go among temporary files."""
    from keras_dip import images

    if request.output == "-":  # who read it did not want more
        return
    folder = Path(tempfile.mkdtemp(prefix="keras-dip-"))
    path = folder / Path(request.output).name
    try:
        bare = files.adapted(info, None, strip=True)  # that may have been the trouble
        images.write(restoration.image, path, info=bare, format=request.format)
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        messages.error("The picture could not be kept elsewhere, either.")
    else:
        messages.error(f"The picture is in {str(path)!r} instead.")


def _tell(errors: Sequence[Exception | None], messages: Messages) -> None:
    for error in errors:
        messages.error(str(error))


def arguments_of(request: Request) -> dict[str, Any]:
    """Return the arguments of `DeepImagePrior`; those that are None were not given."""
    # For the report alone nothing is refused: tiles have no snapshots.
    snapshots = COUNT if request.snapshots else "auto" if request.report else None
    return {**request.settings, "snapshots": snapshots}


def checkpoint_of(request: Request) -> tuple[str, float | None] | None:
    """Return the folder that keeps the progress, and every how many seconds if said."""
    folder = request.checkpoint
    return (folder, request.checkpoint_every) if folder else None


def _keep_checkpoint(request: Request, messages: Messages) -> None:
    """Say how a later run goes on."""
    if request.checkpoint:
        messages.note(f"to go on: keras-dip resume {shlex.quote(request.checkpoint)}")


def _in_colour(info: ImageInfo) -> ImageInfo:
    """Return what a colour picture can keep of what a grey file said: not its profile.

    Colours are written with 8 bits.
    """
    return dataclasses.replace(info, mode="RGB", dtype="uint8", icc_profile=None)


def _write_more(
    request: Request,
    restoration: Restoration,
    info: ImageInfo,
    errors: dict[str, Exception],
    messages: Messages,
    asked: Request,
) -> list[str]:
    """Write what was asked for beside the picture, even if some of it fails.

    Args:
        request: What was asked for.
        restoration: What came of it.
        info: Of the picture.
        errors: What could not be written, by its path; more are added.
        messages: Where to speak.
        asked: The request as it was made.

    Returns:
        What there is not.
    """
    inputs, force = request.inputs, request.force
    if request.onnx:
        with _kept(errors, request.onnx):
            restoration.export(request.onnx, half=request.half, force=force)
    if request.keras:
        with _kept(errors, request.keras):
            restoration.export(request.keras, force=force)
    if request.snapshots:
        messages.note(f"writing snapshots into {name_of(request.snapshots)}")
        with _kept(errors, request.snapshots):
            write_snapshots(
                restoration, request.snapshots, info=info, inputs=inputs, force=force
            )
    missing = []
    if request.uncertainty and restoration.uncertainty is not None:
        with _kept(errors, request.uncertainty):
            meaning = write_uncertainty(
                restoration.uncertainty,
                request.uncertainty,
                inputs=inputs,
                force=force,
            )
            messages.note(meaning)
    elif request.uncertainty:
        messages.error(
            f"Expected 2 or more members for {request.uncertainty!r}. "
            "Received: 1, as the fit ended early; it was not written."
        )
        missing.append(request.uncertainty)
    if request.report:
        with _kept(errors, request.report):
            restoration.report(
                request.report,
                title=_title(asked),
                command=command_of(asked),
                onnx=None if request.onnx in errors else request.onnx,
                force=force,
            )
    return [*missing, *errors]


def _title(request: Request) -> str:
    """Return what a picture is called."""
    if request.source == "-":
        return "Standard input"
    return name_of(request.source.replace("\\", "/").rpartition("/")[2])


@contextlib.contextmanager
def _kept(errors: dict[str, Exception], path: str) -> Iterator[None]:
    """Keep an error that writing a file or folder meets, by its path."""
    try:
        yield
    except Exception as error:
        errors[path] = error


def exit_code(restoration: Restoration) -> int:
    """Return what a shell has to know of how the fit ended."""
    return INTERRUPTED if restoration.stopped_by == "interrupt" else 0


def _task_arguments(
    request: Request, shape: tuple[int, ...], info: ImageInfo, messages: Messages
) -> dict[str, Any]:
    """Return the task's arguments in its own units."""
    from keras_dip import images

    arguments: dict[str, Any] = {}
    for option in request.declaration.options:
        value = request.task_options[option.name]
        if option.type == "mask" and value is None:
            if not request.task_options.get(f"{option.name}_color"):
                _check_holes(option.name, info)
        elif option.type == "mask":
            arguments[option.name] = _read_mask(value, shape)
        elif option.type == "degradation":
            arguments[option.name] = read_degradations(value)
        elif option.type == "model":
            arguments[option.name] = _read_model(value, messages)
        elif option.type == "picture" and value is not None:
            arguments[option.name] = images.read(value)[0]
        elif value is not None:
            arguments[option.name] = options.to_python(option, value)
    return arguments


def _check_holes(name: str, info: ImageInfo) -> None:
    """Refuse a picture whose alpha cannot be the mask."""
    from keras_dip.images.convert import to_unit

    if info.alpha is None:
        raise click.UsageError(
            f"Expected --{name} FILE, or a picture with transparent holes. "
            "Received: no mask and a picture without transparency."
        )
    if (to_unit(info.alpha) > 0.5).all():
        raise click.UsageError(
            f"Expected --{name} FILE, or a picture with transparent holes. "
            "Received: no mask and a picture that is opaque everywhere."
        )


def _read_model(path: str, messages: Messages) -> Any:
    """Return a Keras model; whatever is wrong with the file is told in one line."""
    from keras_dip.cli.fit import hushed_tensorflow

    with contextlib.redirect_stdout(sys.stderr), hushed_tensorflow(messages):
        from keras_dip import keras_files
    return keras_files.load(path)


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


def _psnr(restoration: Restoration, reference: np.ndarray | None) -> float | None:
    from keras_dip.metrics import psnr

    if reference is None:
        return None
    # A grey picture that came with alpha has a last axis.
    return psnr(restoration.image.reshape(reference.shape), reference)
