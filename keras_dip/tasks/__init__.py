"""The restoration tasks, one file each, loaded only when they are asked for."""

import importlib
from typing import Any

from keras_dip.tasks.base import Declaration, Option, Problem, Task

__all__ = ["Declaration", "Option", "Problem", "Task", "declaration", "get", "names"]

_MODULES = {
    "denoise": "keras_dip.tasks.denoise",
    "super_resolve": "keras_dip.tasks.super_resolve",
    "inpaint": "keras_dip.tasks.inpaint",
}


def names() -> list[str]:
    """Return the names of all tasks."""
    return list(_MODULES)


def declaration(name: str) -> Declaration:
    """Return what a task declares, as plain data.

    Raises:
        ValueError: if there is no such task.
    """
    found: Declaration = _module(name).DECLARATION
    return found


def get(name: str) -> type[Task]:
    """Return the class of a task.

    Raises:
        ValueError: if there is no such task.
    """
    task_class: type[Task] = getattr(_module(name), declaration(name).class_name)
    return task_class


def _module(name: str) -> Any:
    if name not in _MODULES:
        raise ValueError(
            f"Expected the name of a task: {', '.join(_MODULES)}. Received: {name!r}"
        )
    return importlib.import_module(_MODULES[name])
