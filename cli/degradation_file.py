"""A file that lists degradations, read into tasks.

[[degradation]]
task = "super-resolve"
factor = 2

[[degradation]]
task = "inpaint"
mask = "mask.png"
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from keras_dip import tasks
from keras_dip.cli.options import FILES_READ, GREY_LEVELS
from keras_dip.errors import KerasDipError

TABLE = "degradation"


def read_degradations(path: str) -> list[tasks.Task]:
    """Return the tasks of a file, in its order.

    Raises:
        KerasDipError: if it cannot be read, or says what there is not.
    """
    return [_task(table, path) for table in _tables(path)]


def files_in(path: str) -> list[str]:
    """Return the pictures and masks that a file names; none if it cannot be read."""
    try:
        tables = _tables(path)
    except KerasDipError:
        return []
    named = []
    for table in tables:
        for option in _options(table, path):
            if option.type in FILES_READ and isinstance(table.get(option.name), str):
                named.append(_beside(path, table[option.name]))
    return named


def _tables(path: str) -> list[dict[str, Any]]:
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise KerasDipError(
            f"Expected a file of degradations. Received: {path!r} ({error.strerror})."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KerasDipError(
            f"Expected a TOML file. Received: {path!r} ({error})."
        ) from error
    tables = content.get(TABLE)
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise KerasDipError(
            f"Expected tables [[{TABLE}]] in {path!r}. "
            f"Received: {', '.join(content) or 'nothing'}."
        )
    return tables


def _options(table: dict[str, Any], path: str) -> tuple[tasks.Option, ...]:
    """Return the options of the task that a table names."""
    known = {v: n for v, n in tasks.verbs().items() if n != "compose"}
    task = table.get("task")
    name = known.get(task) if isinstance(task, str) else None
    if name is None:
        raise KerasDipError(
            f"Expected task = one of {', '.join(known)} in {path!r}. "
            f"Received: {table.get('task')!r}."
        )
    return tasks.declaration(name).options


def _task(table: dict[str, Any], path: str) -> tasks.Task:
    options = {option.name: option for option in _options(table, path)}
    given = {k.replace("-", "_"): v for k, v in table.items() if k != "task"}
    verb = table["task"]
    for name in given:
        if name not in options:
            raise KerasDipError(
                f"Expected options of {verb}, {', '.join(options) or 'none'}, in "
                f"{path!r}. Received: {name!r}."
            )
    missing = [o.name for o in options.values() if o.required and o.name not in given]
    if missing:
        raise KerasDipError(
            f"Expected {', '.join(missing)} for {verb} in {path!r}. Received: none."
        )
    arguments = {n: _value(options[n], value, path) for n, value in given.items()}
    try:
        return tasks.get(tasks.verbs()[verb])(**arguments)
    except (TypeError, ValueError) as error:
        raise KerasDipError(f"{verb} in {path!r}: {error}") from error


def _value(option: tasks.Option, value: Any, path: str) -> Any:
    """Return a value of the file in the task's own unit."""
    from keras_dip import images

    if (option.type == "flag") != isinstance(value, bool):
        wanted = "true or false" if option.type == "flag" else f"a {option.type}"
        raise KerasDipError(
            f"Expected {option.name} as {wanted} in {path!r}. Received: {value!r}."
        )
    if option.type == "numbers":
        return tuple(value) if isinstance(value, list) else value
    if option.type in FILES_READ and not isinstance(value, str):
        raise KerasDipError(
            f"Expected {option.name} as the name of a file in {path!r}. "
            f"Received: {value!r}."
        )
    if option.type == "mask":
        return images.read_mask(_beside(path, value))
    if option.type == "picture":
        return images.read(_beside(path, value))[0]
    if option.type == "levels" and isinstance(value, (int, float)):
        return value / GREY_LEVELS
    return value


def _beside(path: str, name: str) -> str:
    """Return a file's name as seen from the folder of the file that names it."""
    return str(Path(path).parent / name)
