"""The `keras-dip` command: its verbs are found by name and loaded only when needed.

A task of `keras_dip.tasks` becomes a verb by itself: what it declares as plain data is
enough to make its command, and help text never loads Keras.
"""

from __future__ import annotations

from importlib import import_module

import click

from keras_dip import tasks

_VERBS = {
    "batch": "keras_dip.cli.commands.batch",
    "regenerate": "keras_dip.cli.commands.regenerate",
    "info": "keras_dip.cli.commands.info",
    "resume": "keras_dip.cli.commands.resume",
    "demo": "keras_dip.cli.commands.demo",
    "evaluate": "keras_dip.cli.commands.evaluate",
    "networks": "keras_dip.cli.commands.networks",
    "bench": "keras_dip.cli.commands.bench",
    "experiment": "keras_dip.cli.commands.experiment",
    "ui": "keras_dip.cli.commands.ui",
}


class LazyGroup(click.Group):
    """A group whose commands are made when they are first asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the tasks, then the other verbs, in the order of the help page."""
        return [*tasks.verbs(), *_VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a task, or load that of another verb."""
        if cmd_name in _VERBS:
            command: click.Command = import_module(_VERBS[cmd_name]).command
            return command
        name = tasks.verbs().get(cmd_name)
        if name is None:
            return None
        from keras_dip.cli.task_command import make_command

        return make_command(tasks.declaration(name), cmd_name)


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from keras_dip import __version__

        click.echo(f"keras-dip {__version__}")
        ctx.exit()


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
    epilog="Try 'keras-dip demo' first. 'keras-dip VERB --help' explains a verb. "
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped with Ctrl-C or "
    "SIGTERM.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and leave.",
)
def app() -> None:
    """Restore one picture with a network that has never seen another.

    A network is fitted to your picture alone; it learns the picture before it learns
    the damage, and is stopped in between. Nothing is downloaded, nothing is sent.
    """
