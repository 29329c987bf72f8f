"""Deblurring: A is a convolution with a known point spread function (PSF)."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.noise import noise_sigma
from keras_dip.tasks.base import (
    Arrays,
    Declaration,
    Option,
    Problem,
    Task,
    check_positive_number,
    thin_skip,
)

_FAST: dict[str, Any] = {
    "network_options": thin_skip(32, 8),
    "latent": "picture+noise",
    "latent_channels": 5,
    "beta_2": 0.95,
    "steps": 400,
    "recorruption": 0.5,
    "weight_average": 0.99,
    "back_projection": True,
    "dtype_policy": "auto",
    "stop": "auto",
}

DECLARATION = Declaration(
    name="deblur",
    class_name="Deblur",
    summary="Sharpen a picture whose blur is known.",
    options=(
        Option(
            "psf",
            "picture",
            "Picture of what the blur makes of a point of light, black around it; "
            "its middle pixel is where the point was.",
        ),
        Option(
            "gaussian",
            "float",
            "The blur is Gaussian: its standard deviation in pixels.",
        ),
        Option(
            "motion",
            "numbers",
            "The blur is a straight motion: its length in pixels and its angle in "
            "degrees, counter-clockwise from the horizontal.",
        ),
        Option(
            "disk",
            "float",
            "The blur is that of a lens out of focus: the radius of its disk in "
            "pixels.",
        ),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        # Deblurring has no published settings in CVPR 2018: those of super-resolution,
        # of which it is a near relative.
        "paper": {"steps": 2000, "jitter": 0.03},
    },
)

LARGEST = 500.0
"""Pixels: the most that a deviation, a length or a radius may be."""

SOFTENING = 0.1
"""Of the pseudo-inverse in the loss; the blur leaves a constant as it is, 1."""

SIGNAL = 0.08
"""Deviation of the frequencies of a picture, from which that of the noise is told."""

LEAST_SOFTENING = 1e-3
"""Of the sharpened picture in z, where there is no noise."""

LEAST_NOISE = 0.1 / 255
"""Estimates below this are rounding, not noise."""


class Deblur(Task):
    """Sharpen a picture blurred by a known PSF; exactly one argument says which.

    Args:
        psf: array [h, w] or [h, w, c] (the mean over c is taken) without negative
            values, no larger than the picture; scaled to a sum of 1. Its centre is the
            pixel (h // 2, w // 2).
        gaussian: standard deviation in pixels of a Gaussian PSF, cut at 4 deviations.
        motion: length in pixels and angle in degrees, counter-clockwise from the
            horizontal, of a straight motion.
        disk: radius in pixels of a lens out of focus.

    Raises:
        ValueError: if not exactly one is given, or it is no such PSF.
    """

    declaration = DECLARATION

    def __init__(
        self,
        psf: Any = None,
        *,
        gaussian: float | None = None,
        motion: Sequence[float] | None = None,
        disk: float | None = None,
    ) -> None:
        """Compute the PSF."""
        from keras_dip.ops.blur import disk_psf, gaussian_profile, motion_psf

        options = {"psf": psf, "gaussian": gaussian, "motion": motion, "disk": disk}
        given = [name for name, value in options.items() if value is not None]
        if len(given) != 1:
            raise ValueError(
                "Expected exactly one of psf, gaussian, motion and disk. "
                f"Received: {', '.join(given) or 'none'}"
            )
        self.profile: np.ndarray | None = None
        self._settings: dict[str, Any] = {}
        if gaussian is not None:
            gaussian = check_positive_number(gaussian, "gaussian (pixels)", LARGEST)
            self.profile = gaussian_profile(gaussian)
            self.psf = np.outer(self.profile, self.profile)
            self._settings = {"gaussian": gaussian}
        elif motion is not None:
            length, angle = _checked_motion(motion)
            self.psf = motion_psf(length, angle)
            self._settings = {"motion": [length, angle]}
        elif disk is not None:
            disk = check_positive_number(disk, "disk (pixels)", LARGEST)
            self.psf = disk_psf(disk)
            self._settings = {"disk": disk}
        else:
            self.psf = _checked_psf(psf)
            self._settings = {"psf": list(self.psf.shape)}

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem with the estimated deviation of its noise."""
        height, width = picture.shape[:2]
        if self.psf.shape[0] > height or self.psf.shape[1] > width:
            m, n = self.psf.shape
            raise ValueError(
                f"Expected a PSF no larger than the picture, {height} x {width} pixels "
                f"(height x width). Received: {m} x {n}"
            )
        sigma = noise_sigma(picture)
        softening = max((sigma / SIGNAL) ** 2, LEAST_SOFTENING)
        problem = super().prepare(picture)
        added = {"softening": np.full((1, 1, 1, 1), softening, "float32")}
        return replace(
            problem,
            observed={**problem.observed, **added},
            sigma=sigma if sigma >= LEAST_NOISE else 0.0,
            operator=self.degrade,
        )

    def z_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return the sharpened picture, rough as it is: the network smooths it."""
        from keras_dip.ops.blur import sharpened

        softening = float(observed["softening"][0, 0, 0, 0])
        return sharpened(observed["picture"][0], self.psf, softening)[np.newaxis]

    def back_project(self, problem: Problem) -> Problem:
        """Return the problem with the weight of each frequency of the residual.

        A pseudo-inverse multiplies the frequencies of r = A x - x0 by
        (|a|^2 + softening)^(-1/2), where the blur multiplies those of x by a. What that
        comes to is a weighted sum of their squares (Parseval's theorem), which keeps
        the level of white noise. Borders count as periodic.
        """
        from keras_dip.ops.blur import transfer

        gain = transfer(self.psf, *problem.shape[:2])
        weights = 1 / (np.square(gain) + SOFTENING)
        weights = (weights / weights.mean()).astype("float32")
        added = {"weights": weights[np.newaxis, ..., np.newaxis]}
        return replace(problem, observed={**problem.observed, **added})

    def degrade(self, x: Any) -> Any:
        """Blur a picture [1, H, W, C]."""
        from keras_dip.ops.blur import blur, blur_separably

        if self.profile is not None:
            return blur_separably(x, self.profile)
        return blur(x, self.psf)

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return the mean squared error, back-projected where that was prepared."""
        from keras import ops

        error = self.degrade(x) - observed["picture"]
        if "weights" not in observed:
            return ops.mean(ops.square(error))
        planes = ops.transpose(error, (0, 3, 1, 2))
        real, imaginary = ops.fft2((planes, ops.zeros_like(planes)))
        power = ops.square(real) + ops.square(imaginary)
        weights = ops.transpose(observed["weights"], (0, 3, 1, 2))
        return ops.mean(power * weights) / (error.shape[1] * error.shape[2])

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, of a given PSF its size, for records."""
        return self._settings


def _checked_motion(motion: Any) -> tuple[float, float]:
    """Return length and angle, or raise ValueError."""
    try:
        length, angle = (float(number) for number in motion)
    except (TypeError, ValueError):
        length = angle = math.nan
    if not 0 < length <= LARGEST or not math.isfinite(angle):
        raise ValueError(
            "Expected motion as a length in pixels, above 0 and at most "
            f"{LARGEST:g}, and an angle in degrees. Received: {motion!r}"
        )
    return length, angle


def _checked_psf(psf: Any) -> np.ndarray:
    """Return a PSF as float64 [h, w] of sum 1, or raise ValueError."""
    array = np.asarray(psf)
    if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "biuf":
        raise ValueError(
            "Expected a PSF of numbers, of shape [height, width] or [height, width, "
            f"channels]. Received: shape {array.shape}, dtype {array.dtype}"
        )
    values = array.astype("float64")
    if values.ndim == 3:
        values = values.mean(axis=-1)
    if not np.isfinite(values).all():
        raise ValueError("Expected a PSF of finite values. Received: NaN or infinity")
    if values.min() < 0:
        raise ValueError(
            f"Expected a PSF without negative values. Received: {values.min():g}"
        )
    if values.max() == 0:
        raise ValueError("Expected a PSF with a value above 0. Received: all zero")
    return values / values.sum()
