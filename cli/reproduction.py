"""The command line that asks for a request, written down for a report."""

from __future__ import annotations

import os
import shlex
from typing import Any

import click

from keras_dip.cli import options
from keras_dip.cli.request import Request

_LEFT_OUT = ("force", "checkpoint", "checkpoint_every")
"""Options that say how a run is kept, and change nothing of what comes of it."""


def command_of(request: Request) -> str:
    """Return the command, quoted for a POSIX shell, with what differs from defaults."""
    words = ["keras-dip", request.declaration.title]
    source = request.source
    words += ["--", source] if source.startswith("-") and source != "-" else [source]
    given: list[str] = []
    for param in (
        *options.task_options(request.declaration),
        *options.fit_options(request.declaration.presets),
    ):
        if isinstance(param, click.Option) and param.name not in _LEFT_OUT:
            given += _words(param, _value(request, str(param.name)))
    return " ".join(map(_quoted, [*words[:2], *given, *words[2:]]))


def _quoted(word: str) -> str:
    """Return a word as a shell reads it, also one whose bytes are no UTF-8."""
    try:
        word.encode()
    except UnicodeEncodeError:
        word = word.replace("\\", "\\\\").replace("'", "\\'")
        text = os.fsencode(word).decode("ascii", "backslashreplace")
        return f"$'{text}'"
    return shlex.quote(word)


def _value(request: Request, name: str) -> Any:
    """Return what was given for an option."""
    for values in (request.task_options, request.settings):
        if name in values:
            return values[name]
    return getattr(request, name, None)


def _words(option: click.Option, value: Any) -> list[str]:
    """Return an option as it is typed; nothing for its default."""
    if value is None or value == option.default:
        return []
    flag = option.opts[0]
    if option.is_flag:
        negative = option.secondary_opts
        return [flag] if value else negative[-1:]
    if isinstance(value, (tuple, list)):
        value = ",".join(format(number, "g") for number in value)
    return [flag, str(value)]
