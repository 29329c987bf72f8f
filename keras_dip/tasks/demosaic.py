"""Demosaicing: A keeps one colour per pixel, and the prior fills in the other two."""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.noise import noise_sigma
from keras_dip.ops.mosaic import PATTERNS
from keras_dip.tasks.base import (
    Arrays,
    Declaration,
    Option,
    Problem,
    Task,
    thin_skip,
)
from keras_dip.tiles import Window

_FAST: dict[str, Any] = {
    "network_options": thin_skip(32, 8),
    "latent_channels": 32,
    "beta_2": 0.95,
    "steps": 800,
    "jitter": 0.03,
    "weight_average": 0.99,
    "dtype_policy": "auto",
    "stop": "auto",
}

DECLARATION = Declaration(
    name="demosaic",
    class_name="Demosaic",
    summary="Make a colour picture of a camera's Bayer mosaic.",
    options=(
        Option(
            "pattern",
            "choice",
            "Colours of the upper left 2 x 2 pixels, row by row.",
            default="RGGB",
            choices=PATTERNS,
        ),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        # Demosaicing has no published settings in CVPR 2018: those of inpainting with
        # pixels missing at random, of which it is a case.
        "paper": {"learning_rate": 0.001, "steps": 11000, "jitter": 0.03},
    },
)


LEAST_NOISE = 0.1 / 255
"""Estimates below this are rounding, not noise."""


class Demosaic(Task):
    """Make a colour picture of a Bayer mosaic [h, w] or [h, w, 1]; noise goes too.

    A mosaic stored as a colour picture of three equal channels is taken as well. Values
    are those of the mosaic: no white balance, no curve.

    Args:
        pattern: "RGGB", "BGGR", "GRBG" or "GBRG", the colours of the upper left 2 x 2
            pixels, row by row.

    Raises:
        ValueError: if there is no such pattern.
    """

    declaration = DECLARATION
    grid = 2
    shows_noise = False  # neighbours have other colours

    def __init__(self, pattern: str = "RGGB") -> None:
        """Set the pattern."""
        from keras_dip.ops.mosaic import checked_pattern

        self.pattern = checked_pattern(pattern)

    def prepare(self, picture: np.ndarray) -> Problem:
        """Sort the values of a mosaic by colour; what is missing becomes 0."""
        from keras_dip.ops.mosaic import sites

        height, width, channels = picture.shape
        if channels not in (1, 3) or (picture != picture[..., :1]).any():
            raise ValueError(
                "Expected a mosaic, of one channel or three equal ones. "
                f"Received: {channels} channels{' that differ' if channels > 1 else ''}"
            )
        if height < 2 or width < 2:
            raise ValueError(
                "Expected a mosaic of at least 2 x 2 pixels. "
                f"Received: {height} x {width} (height x width)"
            )
        mask = sites(self.pattern, height, width)
        values = (picture[..., :1] * mask).astype("float32")
        # Not called a mask: no pixel has all colours that a rule could hold out.
        observed = {"picture": values[np.newaxis], "sites": mask[np.newaxis]}
        sigma = _noise_of(picture)
        return Problem(
            observed=observed,
            shape=self.restored_shape(picture.shape),
            guess=self.initial_picture(observed),
            sigma=sigma if sigma >= LEAST_NOISE else 0.0,
            operator=lambda x: x * observed["sites"],
        )

    def crop(self, problem: Problem, window: Window) -> Problem:
        """Return a part of a problem, with the operator of its own sites."""
        part = super().crop(problem, window)
        return replace(part, operator=lambda x: x * part.observed["sites"])

    def restored_shape(self, observed_shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the observed size with three channels."""
        height, width, _ = observed_shape
        return height, width, 3

    def initial_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return the bilinear interpolation of each colour."""
        from keras_dip.ops.mosaic import bilinear, sites

        values = observed["picture"][0]
        known = sites(self.pattern, *values.shape[:2])
        return bilinear(values * known, known)[np.newaxis]

    def degrade(self, x: Any) -> Any:
        """Keep one colour per pixel of [1, H, W, 3]: the mosaic [1, H, W, 1]."""
        from keras_dip.ops.mosaic import mosaic

        return mosaic(x, self.pattern)

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return the squared error of what was measured, averaged over all values."""
        from keras import ops

        error = (x - observed["picture"]) * observed["sites"]
        return ops.mean(ops.square(error))

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, for records."""
        return {"pattern": self.pattern}


def _noise_of(picture: np.ndarray) -> float:
    """Return the deviation of a mosaic's noise: of each of its four sites by itself."""
    height, width = (side - side % 2 for side in picture.shape[:2])
    grey = picture[:height, :width, 0]
    planes = [grey[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return noise_sigma(np.stack(planes, axis=-1))
