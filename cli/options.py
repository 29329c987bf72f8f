"""Options of the command line: those of every verb, of every task, and of one task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import click

from keras_dip import models
from keras_dip.cli import files
from keras_dip.cli.messages import Messages
from keras_dip.cli.values import Numbers, Size
from keras_dip.settings import DEFAULT as DEFAULT_PRESET
from keras_dip.tasks import Declaration, Option

GREY_LEVELS = 255
# Those of keras_dip.stopping.NAMES, which only Keras could tell.
STOPS = (
    "auto",
    "fission",
    "wmv",
    "emv",
    "heldout",
    "discrepancy",
    "plateau",
    "none",
)
PICTURE = click.Path(allow_dash=True)
FILES_READ = ("mask", "picture")
"""Types of a task's option that are pictures to read."""

METAVAR_FILE = (*FILES_READ, "degradation", "model")
"""Those that are files of any kind."""
FILE = click.Path()


def verb_options() -> list[click.Parameter]:
    """Return the options that every verb has."""
    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_set_quiet,
            help="Say nothing but errors.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_set_verbose,
            help="Say more, and show where errors come from.",
        ),
    ]


def force_option() -> click.Option:
    """Return --force, which allows existing outputs to be replaced."""
    return click.Option(
        ["--force"], is_flag=True, help="Replace output files that exist already."
    )


def output_option() -> click.Option:
    """Return -o, the picture that is written."""
    return click.Option(
        ["-o", "--output"],
        type=PICTURE,
        required=True,
        metavar="OUT",
        help="Picture to write: .png, .jpg, .tif, .webp, .avif, .bmp, .ppm, .pgm, .npy "
        "or .npz; '-' writes to standard output, PNG unless --format says otherwise.",
    )


def steps_option() -> click.Option:
    """Return --steps, how long the network is fitted."""
    return click.Option(
        ["--steps"],
        type=click.IntRange(min=1),
        help="How many steps to fit. More brings out detail, and in the end the "
        "damage too. [default: as the preset says]",
    )


def seed_option() -> click.Option:
    """Return --seed, where chance starts."""
    return click.Option(
        ["--seed"],
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Where chance starts; another seed gives a slightly other picture.",
    )


def stop_options() -> list[click.Parameter]:
    """Return the options that say how long, how often and where a network is fitted."""
    return [
        steps_option(),
        click.Option(
            ["--stop"],
            type=click.Choice(STOPS),
            help="The rule that stops the fit before it learns the damage: 'auto' "
            "takes the one that suits the picture, 'none' all steps. [default: as the "
            "preset says]",
        ),
        click.Option(
            ["--time-limit"],
            type=click.FloatRange(min=0, min_open=True),
            callback=_finite,
            metavar="SECONDS",
            help="End the fit after so many seconds, with the best picture so far.",
        ),
        click.Option(
            ["--members"],
            type=click.IntRange(min=1),
            metavar="K",
            help="Fit K times with different seeds and average the pictures: better, "
            "and K times as slow. [default: as the preset says]",
        ),
        seed_option(),
        device_option(),
        *_tile_options(),
        click.Option(
            ["--dtype-policy"],
            type=click.Choice(["auto", "float32", "mixed_bfloat16"]),
            help="Arithmetic of the fit: 'auto' takes bfloat16 where the machine has "
            "units for it. [default: as the preset says]",
        ),
    ]


def _tile_options() -> list[click.Parameter]:
    """Return the options for pictures that are too large to be fitted at once."""
    return [
        click.Option(
            ["--tile"],
            type=click.IntRange(min=0),
            metavar="PIXELS",
            help="Fit the picture in overlapping tiles of this side, 128 or more; 0: "
            "never. [default: only where the memory does not suffice]",
        ),
        click.Option(
            ["--tile-overlap"],
            type=click.IntRange(min=0),
            metavar="PIXELS",
            help="How much neighbouring tiles share, at least. [default: 64]",
        ),
        click.Option(
            ["--max-memory"],
            type=Size(),
            help="Memory that may be used, as in 4G or 500M; with JAX on a GPU, that "
            "of the GPU. [default: what is free]",
        ),
    ]


def device_option() -> click.Option:
    """Return --device."""
    return click.Option(
        ["--device"],
        type=click.Choice(["cpu", "gpu"]),
        help="Where to compute. [default: a GPU if there is one]",
    )


def preset_option(presets: Iterable[str]) -> click.Option:
    """Return --preset, one of these."""
    return click.Option(
        ["--preset"],
        type=click.Choice(list(presets)),
        default=DEFAULT_PRESET,
        show_default=True,
        help="Named settings; those called 'paper' are the published ones, slow.",
    )


def fit_options(presets: Iterable[str]) -> list[click.Parameter]:
    """Return the options that every task has beside its own."""
    return [
        output_option(),
        *files.read_options(),
        *files.write_options(),
        *_more_outputs(),
        preset_option(presets),
        *stop_options(),
        click.Option(
            ["--learning-rate"],
            type=click.FloatRange(min=0, min_open=True),
            callback=_finite,
            help="How far each step goes. [default: as the preset says]",
        ),
        click.Option(
            ["--network"],
            type=click.Choice(models.names()),
            help="Shape of the network: 'keras-dip networks' tells them apart. "
            "[default: as the preset says]",
        ),
        *_prior_options(),
        click.Option(
            ["--optimize"],
            type=click.Choice(["net", "input", "net+input"]),
            help="What is fitted: the network's weights, its input, or both. "
            "[default: net]",
        ),
        click.Option(
            ["--blend"],
            type=click.FloatRange(min=0, max=1),
            callback=_finite,
            metavar="SHARE",
            help="Mix so much of the input into the result, from 0 (nothing, the "
            "default) to 1; brings back a little of its grain.",
        ),
        click.Option(
            ["--checkpoint"],
            type=FILE,
            metavar="DIR",
            callback=_not_a_dash,
            help="Keep the progress of the fit in a folder; after a crash, 'keras-dip "
            "resume DIR' goes on to the same picture. Emptied at the end.",
        ),
        click.Option(
            ["--checkpoint-every"],
            type=click.FloatRange(min=0),
            callback=_finite,
            metavar="SECONDS",
            help="How often the progress is kept. [default: 60]",
        ),
        click.Option(
            ["--warm-start"],
            type=FILE,
            metavar="FILE",
            help="Begin with the network that --keras wrote for a similar picture, as "
            "of the frame before; with the same settings, far fewer --steps do.",
        ),
        click.Option(
            ["--reference"],
            type=PICTURE,
            metavar="GT",
            help="The undamaged picture, if you have it: only to show the PSNR.",
        ),
        force_option(),
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            help="Print a line of JSON about the picture on standard output: result, "
            "PSNR, seconds, steps, settings, error.",
        ),
        *verb_options(),
    ]


def _prior_options() -> list[click.Parameter]:
    """Return the options for explicit priors."""
    return [
        click.Option(
            [f"--{name}"],
            type=click.FloatRange(min=0),
            callback=_finite,
            metavar="WEIGHT",
            help=f"Penalise {what}, with this weight; in place of the preset's "
            "penalties, 0 for none.",
        )
        for name, what in (
            ("total-variation", "differences of neighbouring pixels (0.01 is strong)"),
            ("tikhonov", "their squares, which blurs edges too (1 is strong)"),
        )
    ]


def _more_outputs() -> list[click.Parameter]:
    """Return the options for what is written beside the picture."""
    return [
        click.Option(
            ["--onnx"],
            type=FILE,
            metavar="FILE",
            callback=_not_a_dash,
            help="Also write an ONNX file that regenerates the picture.",
        ),
        click.Option(
            ["--half"],
            is_flag=True,
            help="Make the ONNX file half as large, a little less exact.",
        ),
        click.Option(
            ["--keras"],
            type=FILE,
            metavar="FILE",
            callback=_not_a_dash,
            help="Also write the fitted network as .keras, for --warm-start.",
        ),
        click.Option(
            ["--report"],
            type=FILE,
            metavar="FILE",
            callback=_not_a_dash,
            help="Also write a page (.html) that shows the restoration and how it came "
            "about: a slider between before and after, pictures from along the way, "
            "curves, settings. One file, for any browser.",
        ),
        click.Option(
            ["--uncertainty"],
            type=FILE,
            metavar="FILE",
            callback=_not_a_dash,
            help="Also write how far each pixel may be off, as a standard deviation: "
            "numbers in [0, 1] units (.npy) or a grey picture. Needs 2 or more "
            "members.",
        ),
        click.Option(
            ["--snapshots"],
            type=FILE,
            metavar="DIR",
            help="Also write about eight pictures from along the way, and what the "
            "rule measured (snapshots.csv), into a folder; made if it does not exist.",
        ),
    ]


def task_options(declaration: Declaration) -> list[click.Parameter]:
    """Return the options that a task declares for itself."""
    return [_task_option(option) for option in declaration.options]


def to_python(option: Option, value: Any) -> Any:
    """Turn what was given on the command line into the task's own unit."""
    return value / GREY_LEVELS if option.type == "levels" else value


def with_params(params: list[click.Parameter]) -> Callable[[Any], click.Command]:
    """Give a command made with @click.command more parameters."""

    def add(command: click.Command) -> click.Command:
        command.params.extend(params)
        return command

    return add


def _task_option(option: Option) -> click.Option:
    flag = f"--{option.name.replace('_', '-')}"
    if option.type == "flag":
        negative = flag.replace("--", "--no-", 1)
        return click.Option(
            [f"{flag}/{negative}"],
            default=bool(option.default),
            show_default=True,
            help=option.help,
        )
    kind: dict[str, click.ParamType[Any]] = {
        "int": click.INT,
        "float": click.FLOAT,
        "levels": click.FloatRange(min=0, min_open=True, max=GREY_LEVELS),
        "mask": PICTURE,
        "choice": click.Choice(option.choices),
        "text": click.STRING,
        "picture": PICTURE,
        "numbers": Numbers(),
        "degradation": FILE,
        "model": FILE,
    }
    # click takes a default of None as a value, and then asks for nothing.
    default = {} if option.default is None else {"default": option.default}
    return click.Option(
        [flag],
        type=kind[option.type],
        callback=_finite if option.type == "levels" else None,
        metavar="FILE" if option.type in METAVAR_FILE else None,
        required=option.required,
        help=option.help,
        **default,
    )


def _set_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    _set_volume(ctx, quiet=value)


def _set_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    _set_volume(ctx, verbose=value)


def _set_volume(ctx: click.Context, quiet: bool = False, verbose: bool = False) -> None:
    messages = ctx.ensure_object(Messages)
    messages.quiet = messages.quiet or quiet
    messages.verbose = messages.verbose or verbose
    if messages.quiet and messages.verbose:
        raise click.UsageError("Expected -q or -v. Received: both.", ctx=ctx)


def _finite(
    ctx: click.Context, param: click.Parameter, value: float | None
) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"Expected a finite number. Received: {value}.")
    return value


def _not_a_dash(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> str | None:
    if value == "-":
        raise click.BadParameter("Expected a file name. Received: '-'.")
    return value
