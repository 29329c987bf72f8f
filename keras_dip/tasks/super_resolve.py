"""Super-resolution: A is a low-pass filter and subsampling by an integer factor."""

from typing import Any

import numpy as np

from keras_dip.tasks.base import CHEAP_DECODER, Declaration, Option, Task

_FAST: dict[str, Any] = {
    "network_options": {
        "down_channels": (16, 64, 64, 64, 64),
        "up_channels": (16, 64, 64, 64, 64),
        "skip_channels": (4, 4, 4, 4, 4),
        **CHEAP_DECODER,
    },
    "latent_channels": 32,
    "beta_2": 0.95,
    "steps": 1000,
    "jitter": 0.03,
    "weight_average": 0.99,
    "dtype_policy": "auto",
    "stop": "auto",
}

DECLARATION = Declaration(
    name="super_resolve",
    class_name="SuperResolve",
    summary="Enlarge a picture by an integer factor, with detail.",
    options=(
        Option("factor", "int", "How many times larger, 2 or more.", required=True),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {"steps": 2000, "jitter": 0.03},
    },
)

LARGE_FACTOR = 8
"""From this factor on, `paper` runs longer and jitters more, as published for x8."""


class SuperResolve(Task):
    """Enlarge a picture `factor` times; the loss compares Lanczos2-downsampled output.

    Raises:
        ValueError: if factor is not an integer of 2 or more.
    """

    declaration = DECLARATION

    def __init__(self, factor: int) -> None:
        """Set the enlargement per side."""
        if (
            isinstance(factor, bool)
            or not isinstance(factor, (int, np.integer))
            or factor < 2
        ):
            raise ValueError(
                f"Expected factor as an integer of 2 or more. Received: {factor!r}"
            )
        self.factor = int(factor)

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the preset's settings; `paper` depends on the factor."""
        settings = super().preset_settings(preset)
        if preset == "paper" and self.factor >= LARGE_FACTOR:
            return {**settings, "steps": 4000, "jitter": 0.05}
        return settings

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
        """Downsample [1, H, W, C] by the factor with the Lanczos2 kernel."""
        from keras_dip.ops.downsample import downsample

        return downsample(x, self.factor, "lanczos2")

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, for records."""
        return {"factor": self.factor, "kernel": "lanczos2"}
