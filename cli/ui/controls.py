"""What a task lets a person choose, and what the command line makes of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import click

from keras_dip import tasks
from keras_dip.cli import options
from keras_dip.errors import KerasDipError
from keras_dip.tasks import Declaration, Option

Kind = Literal["number", "whole", "switch", "choice", "text", "file"]

AUTOMATIC = "automatic"
"""The choice that leaves an option as it is when not given."""

_KINDS: dict[str, Kind] = {
    "int": "whole",
    "float": "number",
    "levels": "number",
    "flag": "switch",
    "choice": "choice",
    **dict.fromkeys(options.METAVAR_FILE, "file"),
}
_SUFFIXES = {"degradation": (".toml",), "model": (".keras",)}


@dataclass(frozen=True)
class Control:
    """One thing that a person can set; `name` is that of the task's option."""

    name: str
    kind: Kind
    label: str
    help: str
    value: Any = None
    choices: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()  # of a file; none for pictures


def offered() -> dict[str, Declaration]:
    """Return the tasks of the command line by their verbs, denoising first."""
    declared = {verb: tasks.declaration(name) for verb, name in tasks.verbs().items()}
    return dict(sorted(declared.items(), key=lambda item: _rank(item[1])))


def controls_of(declaration: Declaration) -> list[Control]:
    """Return what a task declares, as controls."""
    return [_control(option) for option in declaration.options]


def paints(declaration: Declaration) -> Option | None:
    """Return the option that a person can paint, if the task has one."""
    masks = [option for option in declaration.options if option.type == "mask"]
    return masks[0] if masks else None


def needs_options(declaration: Declaration) -> bool:
    """Tell whether a picture alone is not enough for a task."""
    try:
        tasks.get(declaration.name)()
    except (TypeError, ValueError):
        return True
    return False


def values_from(declaration: Declaration, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's options as the command line has them.

    Args:
        declaration: The task.
        answers: What the controls hold, by their names; empty ones count as not given.

    Raises:
        KerasDipError: If something is missing, or not what it should be.
    """
    context = click.Context(click.Command(declaration.title))
    parameters = options.task_options(declaration)
    values = {}
    for option, parameter in zip(declaration.options, parameters, strict=True):
        answer = answers.get(option.name)
        if answer in ("", AUTOMATIC):
            answer = None
        if answer is None and option.required:
            raise KerasDipError(
                f"{label_of(option.name)}: Expected a value, as {declaration.title} "
                "needs one. Received: none."
            )
        try:
            values[option.name] = parameter.process_value(context, answer)
        except click.UsageError as error:
            raise KerasDipError(f"{label_of(option.name)}: {error.message}") from error
    return values


def label_of(name: str) -> str:
    """Return what a person calls an option."""
    return name.replace("_", " ").capitalize()


def _rank(declaration: Declaration) -> tuple[bool, bool, str]:
    """Sort by how much a task asks for: first what a picture alone is enough for."""
    needs_files = any(o.type in _SUFFIXES for o in declaration.options)
    return needs_files, declaration.name != "denoise", declaration.name


def _control(option: Option) -> Control:
    kind = _KINDS.get(option.type, "text")
    choices, value = option.choices, option.default
    if kind == "choice" and value is None:
        choices, value = (AUTOMATIC, *choices), AUTOMATIC
    return Control(
        name=option.name,
        kind=kind,
        label=label_of(option.name) + (" (needed)" if option.required else ""),
        help=option.help,
        value=value,
        choices=choices,
        suffixes=_SUFFIXES.get(option.type, ()),
    )
