"""keras-dip regenerate: the picture of an ONNX file again, without TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from keras_dip.cli import options

if TYPE_CHECKING:
    import numpy as np

    from keras_dip.images import ImageInfo


@options.with_params(
    [options.output_option(), options.force_option(), *options.verb_options()]
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
def command(file: str, like: str | None, output: str, force: bool) -> None:
    """Write the restored picture again from FILE.onnx, in a second or two.

    The file holds the fitted network; no fit and no TensorFlow is needed.
    """
    from keras_dip import images
    from keras_dip.onnx_io.regenerate import info, regenerate

    inputs = [file, like] if like else [file]
    images.check_output(output, inputs=inputs, force=force)
    fields = info(file)
    carried = _carried(fields, like)
    images.check_output(output, inputs=inputs, force=force, info=carried)
    picture = regenerate(file)
    if like and carried.alpha is not None:
        _check_same_picture(picture, carried.alpha, like)
    images.write(picture, output, info=carried, inputs=inputs, force=force)


def _carried(fields: dict[str, Any], like: str | None) -> ImageInfo:
    """Return what the picture file holds beside the colours."""
    from keras_dip import images

    if like is None:
        deep = fields["source_dtype"] == "uint16"
        return images.ImageInfo(mode="", dtype="uint16" if deep else "uint8")
    _, info = images.read(like)
    if fields["task"] == "inpaint" and _has_holes(info):
        # The holes were the mask and have been filled.
        return dataclasses.replace(info, alpha=None)
    return info


def _has_holes(info: ImageInfo) -> bool:
    import numpy as np

    if info.alpha is None:
        return False
    return bool((info.alpha <= np.iinfo(info.alpha.dtype).max / 2).any())


def _check_same_picture(picture: np.ndarray, alpha: np.ndarray, like: str) -> None:
    """Refuse an original whose alpha cannot belong to the picture."""
    from keras_dip.cli.task_command import size_of
    from keras_dip.errors import ImageError

    factor = picture.shape[0] // alpha.shape[0]
    if picture.shape[:2] != (alpha.shape[0] * factor, alpha.shape[1] * factor):
        raise ImageError(
            f"Expected the original of a picture of {size_of(picture)}. "
            f"Received: {like!r} of {size_of(alpha)}."
        )
