"""The paper's studies: a file of this folder that has a STUDY is one.

Such a file has a function `run` from a `Setup` to an `Outcome`, plain data, and a
function `draw` from an `Outcome` to the pictures that show it.
"""

import importlib
import pkgutil
from functools import cache
from typing import Any

from keras_dip.experiments.base import Fit, Outcome, Setup, Study

__all__ = ["Fit", "Outcome", "Setup", "Study", "draw", "names", "run", "study"]


def names() -> list[str]:
    """Return the names of all studies."""
    return list(_modules())


def study(name: str) -> Study:
    """Return what a study says of itself, as plain data.

    Raises:
        ValueError: if there is no such study.
    """
    found: Study = _module(name).STUDY
    return found


def run(name: str, setup: Setup) -> Outcome:
    """Make the fits of a study; nothing is written.

    Raises:
        ValueError: if there is no such study, or the picture does not suit it.
    """
    outcome: Outcome = _module(name).run(setup)
    return outcome


def draw(name: str, outcome: Outcome) -> dict[str, bytes]:
    """Return the picture files of a study's outcome, by file name.

    Raises:
        ValueError: if there is no such study.
    """
    from keras_dip.experiments.output import styled

    with styled():
        files: dict[str, bytes] = _module(name).draw(outcome)
    return files


@cache
def _modules() -> dict[str, Any]:
    """Return the modules of this folder that declare a study, by the study's name."""
    found = [
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    ]
    return {m.STUDY.name: m for m in found if hasattr(m, "STUDY")}


def _module(name: str) -> Any:
    modules = _modules()
    if name not in modules:
        raise ValueError(
            f"Expected the name of a study: {', '.join(modules)}. Received: {name!r}"
        )
    return modules[name]
