"""What a person asked for on the page, and the request that the command line makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_dip.cli import options
from keras_dip.cli.request import Request
from keras_dip.cli.ui import controls
from keras_dip.cli.ui.job import too_large
from keras_dip.cli.ui.looks import opaque
from keras_dip.cli.ui.painting import painted, with_painting
from keras_dip.errors import KerasDipError
from keras_dip.tasks import Declaration

if TYPE_CHECKING:
    import numpy as np

KEPT_SUFFIXES = (".tif", ".tiff", ".npy", ".npz")
"""Formats that can hold more than PNG, which is what all others become."""


@dataclass(frozen=True)
class Wish:
    """What was asked for.

    Attributes:
        declaration: The task.
        source: The picture's file, or None.
        answers: What the task's controls hold, by name.
        preset: The preset's name.
        steps: As the control holds it; None for the preset's.
        seed: As the control holds it.
        layers: What was painted, RGBA arrays.
    """

    declaration: Declaration
    source: str | None
    answers: Mapping[str, Any]
    preset: str
    steps: Any = None
    seed: Any = None
    layers: Sequence[Any] = ()

    def request(self, folder: Path) -> Request:
        """Return what the command line would do, in a folder that has nothing else.

        Raises:
            KerasDipError: If something is missing, or not what it should be.
        """
        if self.source is None:
            raise KerasDipError(
                "Expected a picture. Received: none, so drop one first."
            )
        values = controls.values_from(self.declaration, self.answers)
        settings = {
            "preset": self.preset,
            "steps": _setting(options.steps_option(), "Steps", self.steps),
            "seed": _setting(options.seed_option(), "Seed", self.seed),
            "members": None,
        }
        source, values = self._with_painting(self.source, values, folder)
        given = Path(self.source)
        suffix = given.suffix.lower()
        suffix = suffix if suffix in KEPT_SUFFIXES else ".png"
        return Request(
            self.declaration,
            task_options=values,
            settings=settings,
            source=source,
            output=str(folder / f"{given.stem}-restored{suffix}"),
        )

    def _with_painting(
        self, source: str, values: dict[str, Any], folder: Path
    ) -> tuple[str, dict[str, Any]]:
        mask = controls.paints(self.declaration)
        if mask is None or not self.layers:
            return source, values
        from keras_dip import images

        size = images.read(source)[0].shape[:2]
        holes = painted(self.layers, (size[0], size[1]))
        if holes is None:
            return source, values
        return with_painting(source, values, mask.name, holes, folder)


def shown_picture(source: str, most_pixels: int) -> np.ndarray:
    """Return a picture as it is shown, floats in [0, 1]; what is transparent is grey.

    Raises:
        KerasDipError: If it cannot be read, or has more pixels than allowed.
    """
    from keras_dip import images
    from keras_dip.images.convert import to_unit

    picture, info = images.read(source)
    height, width = picture.shape[:2]
    if height * width > most_pixels:
        raise too_large("a picture", height, width, most_pixels)
    return opaque(picture, None if info.alpha is None else to_unit(info.alpha))


def _setting(option: click.Option, label: str, answer: Any) -> Any:
    """Return what the command line makes of a number for one of its options."""
    try:
        return option.process_value(click.Context(click.Command("ui")), answer)
    except click.UsageError as error:
        raise KerasDipError(f"{label}: {error.message}") from error
