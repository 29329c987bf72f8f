"""keras-dip evaluate: restore the pictures of a folder and measure how well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_dip import tasks
from keras_dip.cli import options
from keras_dip.cli.evaluation import Evaluation, print_rows
from keras_dip.cli.messages import Messages
from keras_dip.cli.table import Row, as_csv, as_json

if TYPE_CHECKING:
    from keras_dip.degradations import Degradation
    from keras_dip.evaluation import Pair

TASKS = ["denoise", "inpaint", "super-resolve"]
"""Those for which a folder's pictures or --degrade make the damage."""

NOISES = next(
    o for o in tasks.declaration("denoise").options if o.name == "noise"
).choices


def _degradation(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> Degradation | None:
    from keras_dip.degradations import parse_degradation

    try:
        return None if value is None else parse_degradation(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@options.with_params(
    [
        options.preset_option(
            dict.fromkeys(
                p for n in tasks.names() for p in tasks.declaration(n).presets
            )
        ),
        *options.stop_options(),
        options.force_option(),
        *options.verb_options(),
    ]
)
@click.command("evaluate", short_help="Restore the pictures of a folder and measure.")
@click.argument("folder", type=options.FILE)
@click.option(
    "--degrade",
    "degradation",
    callback=_degradation,
    metavar="KIND:AMOUNT",
    help="Damage clean pictures, from --seed: noise:25 (standard deviation in 8-bit "
    "grey levels), downscale:4 (Lanczos) or missing:0.5 (share of pixels).",
)
@click.option(
    "--task",
    type=click.Choice(TASKS),
    help="What to do. [default: what undoes --degrade, else denoise]",
)
@click.option(
    "--factor",
    type=click.IntRange(min=2),
    help="How many times larger; for super-resolve, where --degrade does not tell.",
)
@click.option(
    "--noise",
    type=click.Choice(NOISES),
    help="Kind of noise, for denoise. [default: gaussian]",
)
@click.option(
    "--on",
    type=click.Choice(["rgb", "luma"]),
    default="rgb",
    show_default=True,
    help="Compare all channels, or the luma of BT.601 (16 to 235) as the literature "
    "of super-resolution does.",
)
@click.option(
    "--crop-multiple",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Crop the clean pictures around their centre to multiples of N pixels first.",
)
@click.option(
    "--border",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Leave N pixels at each border out of the comparison.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write the restored pictures into a folder; made if it does not exist.",
)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="TABLE",
    help="Also write the table: .csv or .json.",
)
@click.pass_obj
def command(
    messages: Messages,
    /,
    folder: str,
    degradation: Degradation | None,
    task: str | None,
    factor: int | None,
    noise: str | None,
    on: str,
    crop_multiple: int,
    border: int,
    save: Path | None,
    output: str | None,
    force: bool,
    **settings: Any,
) -> int:
    """Restore every picture of FOLDER and print how near it comes to the clean one.

    FOLDER holds clean pictures NAME_GT and, beside each, degraded ones NAME_* (as
    F16_GT.png and F16_noisy.png). NAME_mask is the mask for inpainting; without it
    transparent pixels, or else black ones, are missing. With --degrade the clean
    pictures are enough, and need no _GT if none has it.

    Pictures are compared as their files hold them, rounded. 'PSNR degraded' is that of
    the degraded picture, for super-resolve that of its bicubic enlargement. A picture
    that fails has its reason in the table; the others go on, and the exit code is 1.
    """
    from keras_dip.evaluation import Protocol, find_pairs

    name, factor = _task_of(task, degradation, factor, settings["preset"])
    if noise and name != "denoise":
        verb = name.replace("_", "-")
        raise click.UsageError(f"Expected --noise only for denoise. Received: {verb}.")
    evaluation = Evaluation(
        name,
        factor,
        noise,
        degradation,
        crop_multiple,
        Protocol(on, border),
        settings,
        save,
        force,
    )
    pairs = find_pairs(folder, clean_alone=degradation is not None)
    _check_outputs(pairs, output, save, force)
    rows, code = print_rows(evaluation, pairs, messages)
    if output:
        _write_table(rows, output, force)
        messages.note(f"wrote {output}")
    return code


def _task_of(
    task: str | None, degradation: Degradation | None, factor: int | None, preset: str
) -> tuple[str, int | None]:
    """Return the task's name and factor; refuse what does not go together."""
    undone_by = degradation.task if degradation else None
    name = task.replace("-", "_") if task else undone_by or "denoise"
    verb = name.replace("_", "-")
    if degradation and undone_by != name:
        raise click.UsageError(
            f"Expected a degradation that {verb} undoes. "
            f"Received: --degrade {degradation.kind}."
        )
    if name == "super_resolve":
        scale = int(degradation.amount) if degradation else None
        if scale and factor not in (None, scale):
            raise click.UsageError(
                f"Expected --factor {scale}, as --degrade has it. Received: {factor}."
            )
        factor = factor or scale
        if factor is None:
            raise click.UsageError(
                "Expected --factor for super-resolve. Received: none."
            )
    elif factor is not None:
        raise click.UsageError(
            f"Expected --factor only for super-resolve. Received: {verb}."
        )
    presets = tasks.declaration(name).presets
    if preset not in presets:
        raise click.UsageError(
            f"Expected a preset of {verb}: {', '.join(presets)}. Received: {preset}."
        )
    return name, factor


def _check_outputs(
    pairs: Sequence[Pair], output: str | None, save: Path | None, force: bool
) -> None:
    """Refuse outputs that could not, or must not, be written; before any fit."""
    from keras_dip import images
    from keras_dip.cli.folders import check_folder
    from keras_dip.errors import ImageError

    if output:
        images.check_output(output, force=force, suffixes=(".csv", ".json"))
    if save is None:
        return
    others = [str(file) for pair in pairs for file in pair.files]
    check_folder(
        save, other_files=[*others, *([output] if output else [])], force=force
    )
    names = [pair.name for pair in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ImageError(
            "Expected pictures of different names for --save. "
            f"Received: two of {', '.join(twice)}."
        )


def _write_table(rows: Sequence[Row], path: str, force: bool) -> None:
    from keras_dip import images

    text = as_json(rows) if path.lower().endswith(".json") else as_csv(rows)
    data = text.encode()
    images.check_output(path, force=force, suffixes=(".csv", ".json"))
    images.atomic_write(path, lambda file: file.write(data))
