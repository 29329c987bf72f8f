"""The restoration tasks: a file of this folder that has a DECLARATION is one."""

import importlib
import pkgutil
from functools import cache
from typing import Any

from keras_dip.tasks.base import Declaration, Option, Problem, Task

__all__ = [
    "Declaration",
    "Option",
    "Problem",
    "Task",
    "declaration",
    "get",
    "names",
    "verbs",
]


def names() -> list[str]:
    """Return the names of all tasks."""
    return list(_modules())


def declaration(name: str) -> Declaration:
    """Return what a task declares, as plain data.

    Raises:
        ValueError: if there is no such task.
    """
    found: Declaration = _module(name).DECLARATION
    return found


def verbs() -> dict[str, str]:
    """Return the names of the tasks that the command line has, by their verbs."""
    declared = [declaration(name) for name in names()]
    return {d.title: d.name for d in declared if d.verb is not None}


def get(name: str) -> type[Task]:
    """Return the class of a task.

    Raises:
        ValueError: if there is no such task.
    """
    task_class: type[Task] = getattr(_module(name), declaration(name).class_name)
    return task_class


@cache
def _modules() -> dict[str, Any]:
    """Return the modules of this folder that declare a task, by the task's name."""
    found = [
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    ]
    return {m.DECLARATION.name: m for m in found if hasattr(m, "DECLARATION")}


def _module(name: str) -> Any:
    modules = _modules()
    if name not in modules:
        raise ValueError(
            f"Expected the name of a task: {', '.join(modules)}. Received: {name!r}"
        )
    return modules[name]
