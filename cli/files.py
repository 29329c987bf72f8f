"""How picture files are read and written: the options, and what they change."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

import keras_dip
from keras_dip.cli.values import Numbers

if TYPE_CHECKING:
    from keras_dip.images import ImageInfo
    from keras_dip.images.info import Depth

DEPTHS: dict[str, Depth] = {"8": "uint8", "16": "uint16", "32f": "float32"}
# Those of keras_dip.images.formats, which only Pillow's company could tell.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "BMP", "PNM", "NPY", "NPZ")


def read_options() -> list[click.Parameter]:
    """Return the options that say what is read of a file."""
    return [
        click.Option(
            ["--page"],
            type=click.IntRange(min=1),
            metavar="N",
            help="Which picture of a file with several (pages, frames), from 1.",
        ),
        click.Option(
            ["--data-range"],
            type=Numbers(),
            callback=_range,
            metavar="LOW,HIGH",
            help="The numbers that are black and white in a file of floats, or of "
            "integers but 8 or 16 bits. [default: 0,1 if all lie there, else the least "
            "and the largest]",
        ),
    ]


def write_options() -> list[click.Parameter]:
    """Return the options that say how a picture is written."""
    return [
        click.Option(
            ["--depth"],
            type=click.Choice(list(DEPTHS)),
            help="Bits per channel of OUT, 32f for floats. [default: as IN]",
        ),
        click.Option(
            ["--format"],
            type=click.Choice(list(FORMATS), case_sensitive=False),
            help="Format of OUT, whatever its name. [default: by the suffix]",
        ),
        click.Option(
            ["--strip"],
            is_flag=True,
            help="Leave colour profile, EXIF, XMP, resolution and the note on how the "
            "picture was made out of OUT.",
        ),
    ]


def adapted(info: ImageInfo, depth: str | None, strip: bool) -> ImageInfo:
    """Return the properties that OUT gets, as --depth and --strip ask for.

    Raises:
        ImageError: If the transparency has no depth that could be told.
    """
    if strip:
        info = dataclasses.replace(
            info, icc_profile=None, exif=None, xmp=None, dpi=None, note=None
        )
    if depth is None or DEPTHS[depth] == info.dtype:
        return info
    from keras_dip.errors import ImageError
    from keras_dip.images.convert import quantise, to_unit

    alpha, dtype = info.alpha, DEPTHS[depth]
    if alpha is not None:
        if alpha.dtype.kind == "f" and not 0 <= alpha.min() <= alpha.max() <= 1:
            raise ImageError(
                f"Expected transparency from 0 to 1 for --depth {depth}. Received: "
                f"floats from {alpha.min():g} to {alpha.max():g}."
            )
        alpha = quantise(to_unit(alpha), dtype)
    return dataclasses.replace(info, dtype=dtype, alpha=alpha, data_range=None)


def note_of(settings: dict[str, Any]) -> str:
    """Return what a file says about how its picture was made."""
    told = [str(settings.get("task", ""))]
    told += [f"{key} {settings[key]}" for key in ("preset", "seed") if key in settings]
    return f"keras_dip {keras_dip.__version__}: {', '.join(filter(None, told))}"


def _range(
    ctx: click.Context, param: click.Parameter, value: tuple[float, ...] | None
) -> tuple[float, float] | None:
    if value is None:
        return None
    if len(value) != 2 or not value[0] < value[1]:
        raise click.BadParameter(
            f"Expected LOW,HIGH with LOW < HIGH. Received: {value}."
        )
    return value[0], value[1]
