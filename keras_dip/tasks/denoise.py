"""Denoising: A is the identity, and the fit has to stop before it learns the noise."""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.noise import noise_sigma
from keras_dip.tasks.base import (
    CHEAP_DECODER,
    Declaration,
    Option,
    Problem,
    Task,
    check_positive_number,
)

_FAST: dict[str, Any] = {
    "network_options": {
        "down_channels": (16, 32, 32, 32, 32),
        "up_channels": (16, 32, 32, 32, 32),
        "skip_channels": (8, 8, 8, 8, 8),
        **CHEAP_DECODER,
    },
    "latent": "picture+noise",
    "latent_channels": 5,
    "beta_2": 0.95,
    "steps": 300,
    "recorruption": 0.5,
    "weight_average": 0.99,
    "unclip": True,
    "stop": "auto",
}

DECLARATION = Declaration(
    name="denoise",
    class_name="Denoise",
    summary="Remove noise from a picture.",
    options=(
        Option(
            "sigma",
            "levels",
            "Standard deviation of the noise, in 8-bit grey levels (0 to 255). "
            "Estimated when not given.",
        ),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {
            "steps": 1800,
            "jitter": 1 / 30,
            "average": 0.99,
            "average_from_first": True,
        },
    },
)

HEAVY_NOISE = 40 / 255
"""From this sigma on, `paper` jitters z more, as published for sigma 50."""


LEAST_NOISE = 0.1 / 255
"""Estimates below this are rounding, not noise."""


class Denoise(Task):
    """Remove noise; `sigma` is its standard deviation in [0, 1] units, if known.

    A picture with noise of 25 grey levels of 255 has `sigma=25/255`.

    Raises:
        ValueError: if sigma is not above 0 and at most 1.
    """

    declaration = DECLARATION

    def __init__(self, sigma: float | None = None) -> None:
        """Set the noise level; None when it is not known."""
        if sigma is not None:
            sigma = check_positive_number(sigma, "sigma (in units of [0, 1])", 1.0)
        self.sigma = sigma

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem with the given or the estimated noise level."""
        sigma = self.sigma
        if sigma is None:
            sigma = noise_sigma(picture)
            sigma = 0.0 if sigma < LEAST_NOISE else sigma
        return replace(super().prepare(picture), sigma=sigma)

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the preset's settings; `paper` depends on a given sigma."""
        settings = super().preset_settings(preset)
        if preset == "paper" and self.sigma is not None and self.sigma >= HEAVY_NOISE:
            return {**settings, "jitter": 1 / 20}
        return settings

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, for records."""
        return {"sigma": self.sigma}
