"""keras-dip batch: restore many pictures with the options of one."""

from __future__ import annotations

from typing import Any

import click

from keras_dip import tasks
from keras_dip.cli import options
from keras_dip.cli.messages import Messages
from keras_dip.images.formats import FORMATS, SUFFIXES
from keras_dip.tasks import Declaration

_HELP = {
    "output": "Folder to write into; made if it does not exist. Folders and names are "
    "those of the sources. It holds the manifest, too.",
    "onnx": "Also write ONNX files that regenerate the pictures, into a folder.",
    "keras": "Also write the fitted networks as .keras, into a folder.",
    "report": "Also write pages (.html) that show the restorations, into a folder.",
    "uncertainty": "Also write how far each pixel may be off, into a folder of .npy "
    "files. Needs 2 or more members.",
    "snapshots": "Also write pictures from along the way into a folder, which gets a "
    "folder for each picture.",
    "checkpoint": "Keep the progress of each fit below a folder: the same command goes "
    "on where it was cut off. Emptied as pictures end.",
    "reference": "Folder of the undamaged pictures, by the same names, as far as you "
    "have them: only for the PSNR.",
    "format": "Format and suffix of the outputs. [default: that of each input]",
    "as_json": "Print the lines of the manifest on standard output, too, as they come.",
    "force": "Redo what is done, and replace what is there.",
}
_ONE_OR_MANY = (
    " One for all pictures, or a folder with a file of the same name for each."
)


class Tasks(click.Group):
    """A group that has a command for each task of the command line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the verbs of the tasks."""
        return list(tasks.verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a task."""
        name = tasks.verbs().get(cmd_name)
        return None if name is None else _command(tasks.declaration(name), cmd_name)


@click.command(
    "batch",
    cls=Tasks,
    short_help="Restore many pictures, resumably.",
    subcommand_metavar="TASK SOURCES... -o OUT",
)
def command() -> None:
    """Restore many pictures with TASK; options mean what they mean for one picture.

    'keras-dip batch TASK --help' lists them. Beside the pictures, OUT gets
    manifest.jsonl, a line for each picture as it ends: the same command again skips
    what is done and goes on with the rest. A picture that fails has its reason there
    and in the table at the end; the others go on, and the exit code is 1.
    """


def _command(declaration: Declaration, verb: str) -> click.Command:
    """Make the command of a task: its single verb's options for many pictures."""
    sources = click.Argument(
        ["sources"], nargs=-1, required=True, metavar="SOURCES...", type=options.FILE
    )
    single = _options_of(declaration)

    @click.pass_obj
    def callback(messages: Messages, /, **values: Any) -> int:
        return _restore_all(declaration, single, values, messages)

    return click.Command(
        verb,
        callback=callback,
        params=[sources, *_batch_options(), *map(_for_many, _options_of(declaration))],
        help=f"{declaration.summary}\n\nSOURCES are folders, patterns ('in/**/*.png'), "
        "pictures, and lists: .txt has a name on each line, .csv a first line with "
        "'input', if wanted 'output', and names of options for single pictures (as "
        "sigma, mask, seed). Names in a list are seen from its folder. Any of them may "
        "be a URL that fsspec knows (extra 'remote'). Ctrl-C ends at once, and keeps "
        "the pictures that are done.",
        short_help=declaration.summary,
    )


def _options_of(declaration: Declaration) -> list[click.Parameter]:
    return [
        *options.task_options(declaration),
        *options.fit_options(declaration.presets),
    ]


def _for_many(option: click.Parameter) -> click.Parameter:
    """Make an option of the single verb say what it means for many pictures."""
    if not isinstance(option, click.Option) or not option.expose_value:
        return option
    name = option.name or ""
    if option.required and name != "output":
        option.required = False  # a list may say it
        option.help = f"{option.help} Needed, here or in a list."
    if name in _HELP:
        option.help = _HELP[name]
        option.metavar = option.metavar and "DIR"
    elif option.metavar == "FILE":
        option.metavar = "PATH"
        option.help = f"{option.help}{_ONE_OR_MANY}"
    return option


def _batch_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--recursive/--no-recursive"],
            default=True,
            show_default=True,
            help="Take the folders of a folder, too.",
        ),
        click.Option(
            ["--workers"],
            type=click.IntRange(min=1),
            metavar="N",
            help="Processes that restore a picture each, sharing cores and GPUs. "
            "[default: one for each GPU, or for every two cores]",
        ),
        click.Option(
            ["--fit-together"],
            type=click.IntRange(min=1),
            metavar="N",
            help="Pictures of one size and with the same settings that a worker fits "
            "at the same time, with KERAS_BACKEND=jax. [default: what the memory of "
            "the GPU suffices for; 1 on a CPU]",
        ),
        click.Option(
            ["--ray"],
            metavar="ADDRESS",
            help="Work on a Ray cluster, or with 'local' on one of this machine alone "
            "(extra 'ray').",
        ),
        click.Option(
            ["--gpus-per-picture"],
            type=click.FloatRange(min=0),
            metavar="SHARE",
            help="What each picture takes of Ray's GPUs: 0.5 lets two share one. "
            "[default: 0]",
        ),
    ]


def _restore_all(
    declaration: Declaration,
    single: list[click.Parameter],
    values: dict[str, Any],
    messages: Messages,
) -> int:
    """Refuse what can be refused, then restore the pictures; return the exit code."""
    from keras_dip.batch import machine
    from keras_dip.batch.manifest import Manifest
    from keras_dip.batch.worklist import find_pictures, with_suffix
    from keras_dip.cli.batch import Batch, run_batch
    from keras_dip.cli.batch_files import check_files
    from keras_dip.cli.batch_request import Asked, make_requests
    from keras_dip.cli.folders import make_folder

    sources, recursive = values.pop("sources"), values.pop("recursive")
    output, form = values.pop("output"), values["format"]
    ray, share = values.pop("ray"), values.pop("gpus_per_picture")
    together = values.pop("fit_together")
    runner = _runner(values.pop("workers"), ray, share, values["device"])
    params = {p.name or "": p for p in single if p.expose_value}
    asked = Asked(declaration, params, values, output)
    pictures = find_pictures(
        sources, suffixes=SUFFIXES, recursive=recursive, exclude=asked.folders
    )
    if form:
        pictures = with_suffix(pictures, FORMATS[form].suffixes)
    requests = list(make_requests(asked, pictures))
    check_files(requests, output, sources)
    make_folder(output)
    if (together or 1) > 1 and machine.keras_backend() != "jax":
        messages.note(
            "--fit-together: pictures are fitted one after the other, as only "
            "KERAS_BACKEND=jax fits several at once."
        )
        together = 1
    title = f"batch {declaration.title}"
    batch = Batch(
        pictures,
        requests,
        Manifest(output),
        force=values["force"],
        title=title,
        elsewhere=ray is not None,
        as_json=values["as_json"],
        divides=output if ray or runner.slots > 1 else None,
        together=together,
        group=together or _group_size(len(pictures), ray, runner, values["device"]),
    )
    return run_batch(batch, runner, messages)


def _group_size(pictures: int, ray: str | None, runner: Any, device: str | None) -> int:
    """Return how many pictures a worker gets at once, where it was not said."""
    from keras_dip.batch import machine
    from keras_dip.cli.batch_together import LARGEST_GROUP

    here = ray is None and device != "cpu" and machine.keras_backend() == "jax"
    if not (here and machine.gpus()):
        return 1
    share = -(-pictures // runner.slots)
    return max(1, min(share, LARGEST_GROUP))


def _runner(
    workers: int | None, ray: str | None, share: float | None, device: str | None
) -> Any:
    """Return who does the work."""
    from keras_dip.batch import machine
    from keras_dip.cli.batch_together import restore

    cores = machine.cores()
    if ray is None:
        if share is not None:
            raise click.UsageError(
                "Expected --ray beside --gpus-per-picture. Received: none."
            )
        from keras_dip.batch.local import LocalRunner

        gpus = None if device == "cpu" else machine.gpus()
        return LocalRunner(
            restore, machine.environments(workers, cores=cores, gpus=gpus)
        )
    if workers is not None:
        raise click.UsageError("Expected --workers or --ray. Received: both.")
    from keras_dip.batch.cluster import LOCAL, RayRunner

    wanted = 1 if share else machine.CORES_PER_WORKER
    per_picture = min(wanted, cores) if ray == LOCAL else wanted
    return RayRunner(restore, ray, cores=per_picture, gpus=share or 0.0)
