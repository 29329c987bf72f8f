"""keras-dip regenerate: the picture of an ONNX file again, without TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from keras_dip.cli import files, options

if TYPE_CHECKING:
    from keras_dip.images import ImageInfo


@options.with_params(
    [
        options.output_option(),
        *files.read_options(),
        *files.write_options(),
        options.force_option(),
        *options.verb_options(),
    ]
)
@click.command("regenerate", short_help="Give the picture of an ONNX file again.")
@click.argument("file", metavar="FILE.onnx", type=options.FILE)
@click.option(
    "--like",
    type=options.PICTURE,
    metavar="ORIGINAL",
    help="The picture that was restored: its transparency, colour profile, EXIF data "
    "and depth go into OUT as well; --page and --data-range as for its fit.",
)
def command(
    file: str,
    like: str | None,
    output: str,
    page: int | None,
    data_range: tuple[float, float] | None,
    depth: str | None,
    format: str | None,
    strip: bool,
    force: bool,
) -> None:
    """Write the restored picture again from FILE.onnx, in a second or two.

    The file holds the fitted network; no fit and no TensorFlow is needed.
    """
    from keras_dip import images
    from keras_dip.onnx_io.regenerate import info, regenerate

    if like is None and page is not None:
        raise click.UsageError("Expected --like ORIGINAL with --page. Received: none.")
    inputs = [file, like] if like else [file]
    where: Any = {"inputs": inputs, "force": force, "format": format}
    images.check_output(output, **where)
    fields = info(file)
    data_range = data_range or _range_of(fields)
    if like is None:
        original = _unknown(fields, data_range)
    else:
        original = _carried(fields, like, page, data_range)
    carried = files.adapted(original, depth, strip)
    if not strip:
        note = files.note_of(fields["settings"])
        carried = dataclasses.replace(carried, note=note)
    shape = fields["shape"]
    images.check_output(output, info=carried, shape=[*shape, 1][:3], **where)
    images.write(regenerate(file), output, info=carried, **where)


def _range_of(fields: dict[str, Any]) -> tuple[float, float] | None:
    """Return the numbers that were black and white, if the file tells them."""
    told = fields["settings"].get("data_range")
    if fields["source_dtype"] != "float32" or not isinstance(told, list):
        return None
    numbers = [float(number) for number in told if isinstance(number, (int, float))]
    is_range = len(numbers) == len(told) == 2 and numbers[0] < numbers[1]
    return (numbers[0], numbers[1]) if is_range else None


def _unknown(
    fields: dict[str, Any], data_range: tuple[float, float] | None
) -> ImageInfo:
    """Return the properties of a picture whose original is not at hand."""
    from keras_dip import images

    dtype: Any = fields["source_dtype"]
    if dtype not in files.DEPTHS.values():
        dtype = "uint8"
    if data_range is not None and dtype != "float32":
        raise click.UsageError(
            f"Expected --data-range for a picture of floats. Received: {dtype}."
        )
    # All channels were fitted: none of them is transparency.
    channels = [*fields["shape"], 1][2]
    return images.ImageInfo(f"{dtype}x{channels}", dtype=dtype, data_range=data_range)


def _carried(
    fields: dict[str, Any],
    like: str,
    page: int | None,
    data_range: tuple[float, float] | None,
) -> ImageInfo:
    """Return what the original holds beside the colours."""
    from keras_dip import images

    original, info = images.read(like, page=page, data_range=data_range)
    task_options = fields["settings"]["task_options"]
    _check_original(
        original.shape, fields["shape"], task_options.get("factor", 1), like
    )
    if task_options.get("mask") == "alpha":
        # The holes were the mask and have been filled.
        return dataclasses.replace(info, alpha=None)
    return info


def _check_original(
    original: Sequence[int], restored: Sequence[int], factor: int, like: str
) -> None:
    """Refuse a picture that the restored one, of some shape, was not made from."""
    from keras_dip.cli.task_command import size_of
    from keras_dip.errors import ImageError

    expected = [side // factor for side in restored[:2]]
    if list(original[:2]) != expected:
        raise ImageError(
            f"Expected the original, of {size_of(expected)}. "
            f"Received: {like!r} of {size_of(original)}."
        )
    # Also because a colour profile describes one or the other.
    if _kind(original) != _kind(restored):
        raise ImageError(
            f"Expected the original, a {_kind(restored)} picture. "
            f"Received: {like!r}, a {_kind(original)} one."
        )


def _kind(shape: Sequence[int]) -> str:
    return "colour" if len(shape) == 3 and shape[2] > 2 else "grey"
