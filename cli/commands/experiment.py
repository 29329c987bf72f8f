"""keras-dip experiment: the paper's studies, on a sample picture or one's own."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from keras_dip import experiments
from keras_dip.cli import INTERRUPTED, options
from keras_dip.cli.messages import Messages
from keras_dip.cli.progress import display_for

STUDIES = [experiments.study(name) for name in experiments.names()]
HELP = "\n".join(
    [
        "Make one of the paper's studies and write its plot, table and settings.\n",
        "\b",
        *(f"{study.name:<16} {study.summary}" for study in STUDIES),
        "",
        "PICTURE is a file of yours, whose largest square around the centre is reduced "
        "to --size; by default a photograph that comes with scikit-image. Writes "
        "NAME.png, NAME.csv and NAME.json (what was set, with versions); 'trajectory' "
        "also a film strip and an animated GIF. Ctrl-C ends a study early and still "
        "writes what there is.",
    ]
)


def _defaults(attribute: str) -> str:
    """Return the defaults of the studies in words, one where they agree."""
    values = {study.name: getattr(study, attribute) for study in STUDIES}
    if len(set(values.values())) == 1:
        return str(next(iter(values.values())))
    return ", ".join(f"{value} for {name}" for name, value in values.items())


@options.with_params([options.force_option(), *options.verb_options()])
@click.command(
    "experiment", short_help="Make one of the paper's studies, with plots.", help=HELP
)
@click.argument("name", metavar="NAME", type=click.Choice(experiments.names()))
@click.argument("picture", type=options.FILE, required=False)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default="keras_dip_experiments",
    show_default=True,
    help="Where the files go; made if it does not exist.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help=f"Steps of each fit. [default: {_defaults('steps')}]",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Side of the picture in pixels. [default: {_defaults('size')}]",
)
@click.option(
    "--channels",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    metavar="N",
    help="Channels of the skip networks at each scale; of the hourglasses at most. 128 "
    "are the published ones, and slow.",
)
@click.option(
    "--noise",
    type=click.IntRange(min=1, max=255),
    default=25,
    show_default=True,
    metavar="SIGMA",
    help="Standard deviation of added noise, in 8-bit grey levels; for learning-curves "
    "and trajectory.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Where chance starts.",
)
@click.pass_obj
def command(
    messages: Messages,
    /,
    name: str,
    picture: str | None,
    folder: Path,
    force: bool,
    **given: Any,
) -> int:
    """Make a study; what a person reads is HELP."""
    from keras_dip.cli.fit import hushed_tensorflow
    from keras_dip.cli.folders import make_folder
    from keras_dip.experiments import output
    from keras_dip.experiments.pictures import natural

    study = experiments.study(name)
    numbers = {**given, "steps": given["steps"] or study.steps}
    numbers["size"] = given["size"] or study.size
    clean = natural(picture, numbers["size"])
    make_folder(folder)
    inputs = [picture] if picture and picture != "-" else []
    output.check(study, folder, inputs=inputs, force=force)

    @contextlib.contextmanager
    def watch(title: str) -> Iterator[list[Any]]:
        with display_for(messages, f"{name}: {title}") as display:
            with contextlib.redirect_stdout(sys.stderr):
                with hushed_tensorflow(messages):
                    from keras_dip.progress import ProgressCallback
                yield [ProgressCallback(display, every_call=True)]

    setup = experiments.Setup(
        clean,
        steps=numbers["steps"],
        seed=numbers["seed"],
        channels=numbers["channels"],
        noise=numbers["noise"] / 255,
        watch=watch,
    )
    with hushed_tensorflow(messages):
        import_module("keras")  # networks are built before the first display
    outcome = experiments.run(name, setup)
    output.write(
        study,
        outcome,
        experiments.draw(name, outcome),
        folder,
        command=_command(name, picture, folder, numbers),
        options={"picture": picture, **numbers},
        inputs=inputs,
        force=force,
    )
    messages.note("wrote " + ", ".join(str(folder / file) for file in study.files))
    return INTERRUPTED if outcome.interrupted else 0


def _command(
    name: str, picture: str | None, folder: Path, numbers: dict[str, Any]
) -> str:
    """Return the command line that does the same again."""
    words = ["keras-dip", "experiment", name, *([picture] if picture else [])]
    for option, value in {"folder": str(folder), **numbers}.items():
        words += [f"--{option}", str(value)]
    return shlex.join(words)
