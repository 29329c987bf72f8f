"""keras-dip resume: go on with a restoration that was cut off."""

from __future__ import annotations

import dataclasses

import click

from keras_dip.cli import options
from keras_dip.cli.messages import Messages


@options.with_params(options.verb_options())
@click.command("resume", short_help="Go on with a restoration that was cut off.")
@click.argument("folder", metavar="DIR", type=options.FILE)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON, too.")
@click.option("--force", is_flag=True, help="Replace outputs that are there.")
@click.pass_obj
def command(messages: Messages, folder: str, force: bool, as_json: bool) -> int:
    """Go on with the restoration whose --checkpoint folder is DIR.

    It ends with the same picture as if nothing had happened, written where it was to
    be written. The files that it reads have to be where they were.
    """
    from keras_dip.cli.checkpoints import recall
    from keras_dip.cli.task_command import restore_and_tell

    request = recall(folder)
    request = dataclasses.replace(
        request, force=force or request.force, as_json=as_json or request.as_json
    )
    return restore_and_tell(request, messages)
