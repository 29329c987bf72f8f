"""Any degradation that can be written as a function of `keras.ops`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.tasks.base import (
    Arrays,
    Declaration,
    Problem,
    Task,
    thin_skip,
)

_FAST: dict[str, Any] = {
    "network_options": thin_skip(64, 4),
    "jitter": 0.03,
    "beta_2": 0.95,
    "steps": 1000,
    "weight_average": 0.99,
    "dtype_policy": "auto",
    "stop": "auto",
}

DECLARATION = Declaration(
    name="operator",
    class_name="Operator",
    summary="Undo a degradation that is given as a function.",
    options=(),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {"steps": 2000, "jitter": 0.03},
    },
    verb=None,  # a function cannot be typed into a command line
)


class Operator(Task):
    """Undo x0 = fn(x) + noise for a function of yours.

    With several observations of one scene (frames, exposures), `fn` returns a list with
    one entry for each, the first of which belongs to the picture given to `fit` and the
    others to `more`.

    Args:
        fn: function of `keras.ops` from a picture [1, H, W, C] to what is observed,
            [1, h, w, c], or to a list of them; it must be differentiable.
        restored_shape: (H, W, C) of the restored picture; None for that of the
            observed one.
        observed_shape: (h, w, c) that `fn` is expected to give for it, if that is to
            be checked when the task is made and not only when a picture comes.
        more: further observations, each [h, w], [h, w, c] of uint8, uint16 or floats in
            [0, 1].
        data_term: function of `fn(x)` and the observation, two tensors of one shape,
            that returns a scalar; summed over all observations. None for the mean
            squared error.
        sigma: standard deviation of Gaussian noise in the observation, in units of
            [0, 1]; 0 for none, None for noise of an unknown kind. It decides which rule
            stops the fit.
        initial: function of the observed picture [1, h, w, c] that returns a rough
            restored one [1, H, W, C]; None for the picture itself where shapes agree,
            else for its mean.

    Raises:
        ValueError: if `fn` cannot be called, a shape is not one, or (when a picture
            comes) `fn` gives another number or other shapes of observations.
    """

    declaration = DECLARATION
    grid = None

    def __init__(
        self,
        fn: Callable[[Any], Any],
        *,
        restored_shape: Sequence[int] | None = None,
        observed_shape: Sequence[int] | None = None,
        more: Sequence[Any] = (),
        data_term: Callable[[Any, Any], Any] | None = None,
        sigma: float | None = 0.0,
        initial: Callable[[Any], Any] | None = None,
    ) -> None:
        """Set the function and what it is compared with."""
        from keras_dip.images import as_picture

        if not callable(fn):
            raise ValueError(f"Expected fn as a function. Received: {fn!r}")
        self.fn, self.error, self.initial = fn, data_term, initial
        self.sigma = sigma
        self.shape = _shape("restored_shape", restored_shape)
        self.expected = _shape("observed_shape", observed_shape)
        self.more = [as_picture(picture)[0][np.newaxis] for picture in more]
        if self.shape is not None and self.expected is not None:
            others = [array.shape[1:] for array in self.more]
            self._check([self.expected, *others], self.shape)

    @property
    def chains(self) -> bool:  # type: ignore[override]
        """With one observation and no error of its own it is just a degradation."""
        return not self.more and self.error is None

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem with all observations, their shapes checked."""
        shapes = [picture.shape, *(array.shape[1:] for array in self.more)]
        self._check(shapes, self.restored_shape(picture.shape))
        problem = replace(
            super().prepare(picture), sigma=self.sigma, operator=self._first
        )
        others = {f"picture_{i}": array for i, array in enumerate(self.more, start=2)}
        return replace(problem, observed={**problem.observed, **others})

    def restored_shape(self, observed_shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the shape that was given, or that of the observation."""
        return self.shape or super().restored_shape(observed_shape)

    def initial_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return the first guess: by `initial`, the picture, or its mean."""
        picture = observed["picture"]
        shape = (1, *self.restored_shape(picture.shape[1:]))
        if self.initial is None:
            mean = np.full(shape, picture.mean(), "float32")
            return picture if picture.shape == shape else mean
        from keras import ops

        guess: np.ndarray = ops.convert_to_numpy(self.initial(picture))
        if guess.shape != shape:
            raise ValueError(
                f"Expected initial to return a picture of shape {shape}. "
                f"Received: {guess.shape}"
            )
        return guess

    def degrade(self, x: Any) -> Any:
        """Apply the function; of several observations there is a list."""
        made = self._made(x)
        return made if len(made) > 1 else made[0]

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return the sum of the errors of all observations."""
        from keras import ops

        made = self._made(x)
        names = ["picture", *(f"picture_{i}" for i in range(2, len(made) + 1))]
        error = self.error or (lambda y, y0: ops.mean(ops.square(y - y0)))
        return sum(error(y, observed[n]) for y, n in zip(made, names, strict=True))

    def settings(self) -> dict[str, Any]:
        """Return what can be written down of the arguments, for records."""
        return {
            "fn": getattr(self.fn, "__name__", repr(self.fn)),
            "observations": 1 + len(self.more),
            "sigma": self.sigma,
        }

    def prepare_noise(self, picture: np.ndarray | None) -> float | None:
        """Return the deviation that was given."""
        return self.sigma

    def _first(self, x: Any) -> Any:
        """Return what is observed first of a picture."""
        return self._made(x)[0]

    def _made(self, x: Any) -> list[Any]:
        made = self.fn(x)
        return list(made) if isinstance(made, (list, tuple)) else [made]

    def _check(
        self, expected: Sequence[tuple[int, ...]], shape: tuple[int, ...]
    ) -> None:
        """Raise ValueError unless `fn` gives these shapes for a restored one."""
        from keras import ops

        made = self._made(ops.full((1, *shape), 0.5))
        found = [tuple(getattr(y, "shape", ())) for y in made]
        wanted = [(1, *one) for one in expected]
        if found != wanted:
            raise ValueError(
                f"Expected fn to return {_told(wanted)} for a picture of shape "
                f"{(1, *shape)}. Received: {_told(found)}"
            )


def _told(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(f"the shape {shape}" for shape in shapes)


def _shape(name: str, value: Sequence[int] | None) -> tuple[int, int, int] | None:
    if value is None:
        return None
    sides = tuple(value)
    if len(sides) != 3 or not all(isinstance(s, (int, np.integer)) for s in sides):
        raise ValueError(
            f"Expected {name} as (height, width, channels). Received: {value!r}"
        )
    height, width, channels = map(int, sides)
    if min(height, width, channels) < 1:
        raise ValueError(f"Expected {name} of 1 or more each. Received: {value!r}")
    return height, width, channels
