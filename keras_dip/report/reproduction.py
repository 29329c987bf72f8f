"""How a restoration is made again: Python that says what was asked for."""

import inspect
from typing import TYPE_CHECKING, Any

from keras_dip import tasks

if TYPE_CHECKING:
    from keras_dip.restoration import Restoration

YOURS = "..."
"""Stands for what cannot be written down: a mask, a picture, a model, a function."""


PLAIN = ("int", "float", "flag", "levels", "choice", "text", "numbers")
"""Types of a task's options that are written down as they are."""


def python_of(restoration: "Restoration") -> str:
    """Return the Python that makes a restoration again, given the same picture."""
    settings = restoration.settings
    declaration = tasks.declaration(settings["task"])
    evidence = restoration.evidence
    arguments = {} if evidence is None else evidence.arguments
    lines = [
        f"{declaration.class_name}({_task_arguments(settings)}),",
        f"seed={settings['seed']},",
        *(f"{name}={value}," for name, value in arguments.items() if name != "seed"),
    ]
    reference = evidence is not None and evidence.reference is not None
    fit = "picture, reference=reference" if reference else "picture"
    return "\n".join(
        [
            f"from keras_dip import DeepImagePrior, {declaration.class_name}",
            "",
            "restoration = DeepImagePrior(",
            *(f"    {line}" for line in lines),
            f").fit({fit})",
        ]
    )


def _task_arguments(settings: dict[str, Any]) -> str:
    """Return the arguments of a task that differ from their defaults."""
    declaration = tasks.declaration(settings["task"])
    if declaration.verb is None:  # made of a function, or of what has no name
        return YOURS
    parameters = inspect.signature(tasks.get(settings["task"])).parameters
    recorded = settings["task_options"]
    words = []
    for option in declaration.options:
        default = parameters[option.name].default
        value = recorded.get(option.name)
        if option.type == "mask":
            words += _mask_arguments(value)
        elif option.type in PLAIN and value not in (None, default):
            words.append(f"{option.name}={value!r}")
        elif option.type not in PLAIN and (value is not None or option.required):
            words.append(f"{option.name}={YOURS}")
    return ", ".join(words)


def _mask_arguments(recorded: Any) -> list[str]:
    """Return what a mask was: an array, a colour, or the picture's own alpha."""
    if isinstance(recorded, str) and recorded.startswith("#"):
        return [f"mask_color={recorded!r}"]
    return [f"mask={YOURS}"] if recorded == "given" else []
