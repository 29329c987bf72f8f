"""Several degradations, one after the other, undone by one fit."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.tasks.base import (
    Arrays,
    Declaration,
    Option,
    Problem,
    Task,
    thin_skip,
)

SAME = 1e-3
"""Difference up to which a pixel owes nothing to a hole, in [0, 1] units."""

_FAST: dict[str, Any] = {
    "network_options": thin_skip(64, 4),
    "jitter": 0.03,
    "beta_2": 0.95,
    "steps": 500,
    "weight_average": 0.99,
    "dtype_policy": "auto",
    "stop": "auto",
}

DECLARATION = Declaration(
    name="compose",
    class_name="Compose",
    verb="restore",
    summary="Undo several degradations at once, written down in a file.",
    options=(
        Option(
            "degradation",
            "degradation",
            "TOML file with a table [[degradation]] for each, in the order in which "
            'they happened to the picture: task = "super-resolve" and the task\'s '
            "options, as in factor = 2. Files in it are looked for beside it.",
            required=True,
        ),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {"steps": 2000, "jitter": 0.03},
    },
)


class Compose(Task):
    """Undo a chain of degradations: x0 = A_n(... A_2(A_1(x))) + noise.

    `Compose(SuperResolve(2), Inpaint(mask), Denoise())` is for a picture that was made
    small, then lost pixels, then got noise: tasks are named in the order in which the
    damage happened, and each one's mask has the size of the picture at that point.
    Noise of a known deviation counts as such where it came last.

    Args:
        tasks: the tasks, or `degradation`, a sequence of them.

    Raises:
        ValueError: if there is none, one is no task, or one cannot be part of a chain:
            those that need more than their degradation (`Task.chains`), noise that is
            fitted on a scale of its own (poisson, speckle), Inpaint without a mask.
    """

    declaration = DECLARATION

    def __init__(self, *tasks: Task, degradation: Sequence[Task] = ()) -> None:
        """Set the chain."""
        self.chain: list[Task] = []
        for task in [*tasks, *degradation]:
            self.chain += task.chain if isinstance(task, Compose) else [task]
        if not self.chain:
            raise ValueError("Expected one task or more. Received: none")
        for task in self.chain:
            if not isinstance(task, Task) or not task.chains:
                raise ValueError(
                    "Expected tasks that are degradations one after the other. "
                    f"Received: {getattr(task, 'name', task)!r}"
                    + (f" with {task.settings()}" if isinstance(task, Task) else "")
                )

    @property
    def grid(self) -> int | None:  # type: ignore[override]
        """That on which all of the chain can be cut."""
        grids = [task.grid for task in self.chain]
        return None if None in grids else math.lcm(*(g for g in grids if g))

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the preset's settings, with a prior where pixels were taken away."""
        settings = super().preset_settings(preset)
        side = (8, 8)
        takes_pixels = any(
            task.known is not None or task.restored_shape((*side, 3))[:2] != side
            for task in self.chain
        )
        if preset == "paper" or not takes_pixels:
            return settings
        return {**settings, "total_variation": 0.01}

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem, with what is known of the observation if not all is."""
        self._check(picture.shape)
        known = self._known(picture.shape)
        is_whole = known is None and all(t.shows_noise for t in self.chain)
        sigma = self._sigma(picture if is_whole else None)
        problem = replace(super().prepare(picture), sigma=sigma, operator=self.degrade)
        if known is None:
            return problem
        if not known.any():
            raise ValueError(
                "Expected masks that leave known pixels. Received: masks after which "
                "every observed pixel is missing, wholly or in part"
            )
        picture = problem.observed["picture"] * known
        # Without noise there is nothing to overfit, and no pixel need be held out,
        # which is what stopping rules do where there is a "mask".
        name = "known" if problem.sigma == 0 else "mask"
        # Beside what is fitted, so that a tile gets its part of each.
        masks = {
            f"known{place}": task.known[np.newaxis].astype("float32")
            for place, task in enumerate(self.chain)
            if task.known is not None
        }
        return replace(problem, observed={"picture": picture, name: known, **masks})

    def restored_shape(self, observed_shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the shape before the first degradation."""
        return self._shapes(observed_shape)[0]

    def initial_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return the rough restorations of all tasks, the last one first."""
        picture = observed["picture"]
        for place, task in reversed(list(enumerate(self.chain))):
            seen = {"picture": picture}
            if task.known is not None:
                own = task.known[np.newaxis].astype("float32")
                seen["mask"] = observed.get(f"known{place}", own)
            picture = task.initial_picture(seen)
        return picture

    def degrade(self, x: Any) -> Any:
        """Apply all degradations, the first one first."""
        for task in self.chain:
            x = task.degrade(x)
        return x

    def penalty(self, error: Any) -> Any:
        """Return the error's penalty, by the task that happened last."""
        return self.chain[-1].penalty(error)

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return the mean penalty, on known pixels alone."""
        from keras import ops

        error = self.degrade(x) - observed["picture"]
        for name in ("known", "mask"):
            if name in observed:
                error = error * observed[name]
        return ops.mean(self.penalty(error))

    def settings(self) -> dict[str, Any]:
        """Return the chain, for records."""
        return {"chain": [{"task": t.name, **t.settings()} for t in self.chain]}

    def _shapes(self, observed_shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """Return the shapes before each task, and that of the observation."""
        height, width, channels = observed_shape
        shapes = [(height, width, channels)]
        for task in reversed(self.chain):
            shapes.insert(0, task.restored_shape(shapes[0]))
        return shapes

    def _sigma(self, picture: np.ndarray | None) -> float | None:
        """Return the deviation of the noise if that came last, None if before."""
        *before, last = (task.prepare_noise(picture) for task in self.chain)
        return last if all(sigma == 0 for sigma in before) else None

    def _check(self, observed_shape: tuple[int, ...]) -> None:
        """Raise ValueError unless the chain ends in what is observed."""
        from keras import ops

        shapes = self._shapes(observed_shape)
        made = self.degrade(ops.full((1, *shapes[0]), 0.5)).shape
        if tuple(made) != (1, *observed_shape):
            raise ValueError(
                "Expected degradations that end in a picture of the observed shape, "
                f"{observed_shape} (height, width, channels). Received: "
                f"{tuple(made)[1:]}"
            )

    def _known(self, observed_shape: tuple[int, ...]) -> np.ndarray | None:
        """Return the mask of what is observed, [1, h, w, c]; None for all of it.

        Two pictures that differ in all holes go through the chain; what is the same of
        both in the end owes nothing to a hole.
        """
        from keras import ops

        shapes = self._shapes(observed_shape)
        if all(task.known is None for task in self.chain):
            return None
        rng = np.random.default_rng(0)
        dark = bright = rng.uniform(size=(1, *shapes[0])).astype("float32")
        for task, shape in zip(self.chain, shapes[1:], strict=True):
            dark, bright = (
                ops.convert_to_numpy(task.degrade(ops.convert_to_tensor(x)))
                for x in (dark, bright)
            )
            if task.known is not None:
                task.check_known(task.known, shape)
                dark = np.where(task.known, dark, 0.0).astype("float32")
                bright = np.where(task.known, bright, 1.0).astype("float32")
        same: np.ndarray = np.abs(dark - bright) < SAME
        return same.astype("float32")
