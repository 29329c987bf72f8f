"""How a restoration is made again: Python that says what was asked for."""

from typing import TYPE_CHECKING, Any

from keras_dip import tasks

if TYPE_CHECKING:
    from keras_dip.restoration import Restoration

YOURS = "..."
"""Stands for what cannot be written down: a mask, a picture, a model, a function."""


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
    options = {option.name: option for option in declaration.options}
    words = []
    for name, value in settings["task_options"].items():
        option = options.get(name)
        if option is None or value is None or value == option.default:
            continue
        plain = option.type in ("int", "float", "flag", "levels", "choice", "text")
        words.append(f"{name}={value!r}" if plain else f"{name}={YOURS}")
    missing = [
        f"{option.name}={YOURS}"
        for option in declaration.options
        if option.required and option.name not in settings["task_options"]
    ]
    return ", ".join([*words, *missing])
