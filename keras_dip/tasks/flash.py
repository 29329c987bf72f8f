"""Flash and no-flash: a sharp picture by flash guides that of a noisy one without."""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.noise import noise_sigma
from keras_dip.tasks.base import Declaration, Option, Problem, Task, thin_skip

_FAST: dict[str, Any] = {
    "network_options": thin_skip(32, 8),
    # Not the noisy picture too: noise of real cameras is no white noise, and is copied.
    "latent": "picture",
    "beta_2": 0.95,
    "steps": 300,
    "weight_average": 0.99,
    "dtype_policy": "auto",
    "stop": "auto",
}

DECLARATION = Declaration(
    name="flash",
    class_name="FlashNoFlash",
    summary="Remove noise from a picture in dim light with the help of one by flash.",
    options=(
        Option(
            "flash",
            "picture",
            "The same view by flash, of the same size: its detail, not its light.",
            required=True,
        ),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {
            "network_options": {
                "upsampling": (
                    "nearest",
                    "nearest",
                    "bilinear",
                    "bilinear",
                    "bilinear",
                )
            },
            "latent": "picture",
            "learning_rate": 0.1,
            "steps": 601,
        },
    },
)


class FlashNoFlash(Task):
    """Restore a noisy picture without flash; z is the one with flash.

    The network sees the flash picture, which has the detail, and is compared with the
    noisy one, which has the light (Ulyanov et al., CVPR 2018, section 3.4).

    Args:
        flash: the picture by flash, [h, w] or [h, w, c] of uint8, uint16 or floats in
            [0, 1], or a Pillow image; of the size of the other one.

    Raises:
        ValueError: if it is no picture, or of another size.
    """

    declaration = DECLARATION
    chains = False

    def __init__(self, flash: Any) -> None:
        """Set the picture by flash."""
        from keras_dip.images import as_picture

        self.flash, _ = as_picture(flash)

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem with the flash picture beside the noisy one."""
        if self.flash.shape[:2] != picture.shape[:2]:
            raise ValueError(
                "Expected a flash picture of the size of the other, "
                f"{picture.shape[:2]} (height, width). "
                f"Received: {self.flash.shape[:2]}"
            )
        problem = super().prepare(picture)
        flash = self.flash[np.newaxis].astype("float32")
        return replace(
            problem,
            observed={**problem.observed, "flash": flash},
            sigma=noise_sigma(picture),
        )

    def z_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return the flash picture."""
        return observed["flash"]

    def built_in(self) -> Any:
        """Return what the data term has beside what is observed."""
        return ()
