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
    "and depth go into OUT as well.",
)
def command(
    file: str,
    like: str | None,
    output: str,
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

    inputs = [file, like] if like else [file]
    where: Any = {"inputs": inputs, "force": force, "format": format}
    images.check_output(output, **where)
    fields = info(file)
    carried = files.adapted(_carried(fields, like), depth, strip)
    if not strip:
        note = files.note_of(fields["settings"])
        carried = dataclasses.replace(carried, note=note)
    shape = fields["shape"]
    images.check_output(output, info=carried, shape=[*shape, 1][:3], **where)
    images.write(regenerate(file), output, info=carried, **where)


def _carried(fields: dict[str, Any], like: str | None) -> ImageInfo:
    """Return what the picture file holds beside the colours."""
    from keras_dip import images

    if like is None:
        deep = fields["source_dtype"] == "uint16"
        return images.ImageInfo(mode="", dtype="uint16" if deep else "uint8")
    original, info = images.read(like)
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
