"""Super-resolution: A is a low-pass filter and subsampling by an integer factor."""

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

KERNEL = "lanczos2"

_FAST: dict[str, Any] = {
    "network_options": thin_skip(64, 4),
    "latent_channels": 32,
    "beta_2": 0.95,
    "steps": 1000,
    "jitter": 0.03,
    "weight_average": 0.99,
    "back_projection": True,
    "total_variation": 0.02,
    "dtype_policy": "auto",
    "stop": "auto",
}

DECLARATION = Declaration(
    name="super_resolve",
    class_name="SuperResolve",
    summary="Enlarge a picture by an integer factor, with detail.",
    options=(
        Option("factor", "int", "How many times larger, 2 or more.", required=True),
        Option(
            "kernel",
            "choice",
            "The low-pass filter behind which the picture is taken to have been made "
            "small: 'box' for a camera's binning, 'bicubic' for a program's reduction.",
            default=KERNEL,
            choices=("lanczos2", "lanczos3", "bicubic", "box", "gauss"),
        ),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {"steps": 2000, "jitter": 0.03},
    },
)

SOFTENING = 0.02
"""Of the pseudo-inverse, as a share of the largest eigenvalue of A A^T on one side."""

LARGE_FACTOR = 8
"""From this factor on, `paper` runs longer and jitters more, as published for x8."""


class SuperResolve(Task):
    """Enlarge a picture `factor` times; the loss compares the downsampled output.

    Args:
        factor: enlargement of each side.
        kernel: the filter of the downsampling: "lanczos2" (as published), "lanczos3",
            "bicubic", "box" or "gauss" (see `keras_dip.ops.downsample`).

    Raises:
        ValueError: if factor is not an integer of 2 or more, or there is no such
            kernel.
    """

    declaration = DECLARATION

    def __init__(self, factor: int, *, kernel: str = KERNEL) -> None:
        """Set the enlargement per side, and the filter."""
        from keras_dip.ops.downsample import check_kernel

        check_kernel(kernel)
        if (
            isinstance(factor, bool)
            or not isinstance(factor, (int, np.integer))
            or factor < 2
        ):
            raise ValueError(
                f"Expected factor as an integer of 2 or more. Received: {factor!r}"
            )
        self.factor, self.kernel = int(factor), kernel

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the preset's settings; `paper` depends on the factor."""
        settings = super().preset_settings(preset)
        if preset == "paper" and self.factor >= LARGE_FACTOR:
            return {**settings, "steps": 4000, "jitter": 0.05}
        return settings

    def back_project(self, problem: Problem) -> Problem:
        """Return the problem with the whitening of A's rows and of its columns.

        A is a matrix on each side, so that |A^+ r|^2 = |W_rows r W_columns^T|^2 with
        W = (A A^T)^(-1/2).
        """
        from keras_dip.ops.downsample import whitening

        rows, columns = (
            whitening(side, self.factor, self.kernel, SOFTENING)
            for side in problem.shape[:2]
        )
        added = {"rows": rows[None, :, :, None], "columns": columns[None, :, :, None]}
        return replace(problem, observed={**problem.observed, **added})

    def restored_shape(self, observed_shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return the observed shape with both sides multiplied by the factor."""
        height, width, channels = observed_shape
        return height * self.factor, width * self.factor, channels

    def initial_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return the bicubic enlargement."""
        from keras import ops

        small = observed["picture"]
        size = (small.shape[1] * self.factor, small.shape[2] * self.factor)
        large = ops.image.resize(small, size, interpolation="bicubic")
        return np.clip(ops.convert_to_numpy(large), 0.0, 1.0)

    def degrade(self, x: Any) -> Any:
        """Downsample [1, H, W, C] by the factor behind the filter."""
        from keras_dip.ops.downsample import downsample

        return downsample(x, self.factor, self.kernel)

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return the mean squared error, back-projected where that was prepared."""
        from keras import ops

        error = self.degrade(x) - observed["picture"]
        if "rows" in observed:
            rows, columns = (observed[name][0, ..., 0] for name in ("rows", "columns"))
            error = ops.einsum("oh,nhwc->nowc", rows, error)
            error = ops.einsum("ow,nhwc->nhoc", columns, error)
        return ops.mean(ops.square(error))

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, for records."""
        return {"factor": self.factor, "kernel": self.kernel}
