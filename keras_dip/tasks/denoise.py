"""Denoising: A is the identity, and the fit has to stop before it learns the noise.

Where the noise has a model, the picture is fitted on a scale on which that noise is
Gaussian and of one deviation (`keras_dip.ops.stabilise`), and all that is known of
Gaussian noise is of use. Impulses and noise of an unknown kind are left to the network
alone, with an input that does not show them.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.noise import before_clipping, noise_sigma, relative_noise
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
    "dtype_policy": "auto",
    "unclip": True,
    "stop": "auto",
}

GAUSSIAN, IMPULSE, UNKNOWN = "gaussian", "impulse", "unknown"
NOISES = (GAUSSIAN, "poisson", "speckle", IMPULSE, UNKNOWN)
LEVELLED = NOISES[:3]
"""Kinds of noise, and those of them that have a level, sigma."""

_WITHOUT_MODEL: dict[str, Any] = {
    "latent": "noise",
    "latent_channels": 32,
    "jitter": 1 / 30,
    "recorruption": 0.0,
    "unclip": False,
    "steps": 1000,
}
"""What changes in the own presets where recorrupted pairs cannot be made."""

DECLARATION = Declaration(
    name="denoise",
    class_name="Denoise",
    summary="Remove noise from a picture.",
    options=(
        Option(
            "sigma",
            "levels",
            "Standard deviation of the noise, in 8-bit grey levels (0 to 255); for "
            "poisson and speckle where the picture is white. Estimated when not given.",
        ),
        Option(
            "noise",
            "choice",
            "Kind of noise: 'gaussian' has one strength everywhere; 'poisson' is that "
            "of photons, 'speckle' proportional to the picture; 'impulse' hits single "
            "pixels; 'unknown' is anything else.",
            default=GAUSSIAN,
            choices=NOISES,
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

FEWEST = 1e-6
"""Level of photon noise below which there are too many photons to count."""

POWERS = {"poisson": 0.5, "speckle": 1.0}
"""Of the picture, with which the deviation of the noise grows."""

HEAVY_NOISE = 40 / 255
"""From this sigma on, `paper` jitters z more, as published for sigma 50."""


LEAST_NOISE = 0.1 / 255
"""Estimates below this are rounding, not noise."""


class Denoise(Task):
    """Remove noise of a kind; `sigma` is its level, if known.

    Args:
        sigma: standard deviation in [0, 1] units: 25/255 for 25 grey levels of 255. Of
            noise whose strength follows the picture, that at white: 1 / sqrt(P) for
            "poisson" with at most P photons per pixel, s for "speckle", which makes
            x (1 + s e) of x. Estimated when it is None.
        noise: "gaussian"; "poisson"; "speckle"; "impulse", of which some pixels have
            anything (the data term is then the mean absolute error); or "unknown".

    Raises:
        ValueError: if sigma is not above 0 (photons: 1e-6 or more) and at most 1, if it
            is given for noise that has none, or if there is no such noise.
    """

    declaration = DECLARATION

    def __init__(self, sigma: float | None = None, *, noise: str = GAUSSIAN) -> None:
        """Set the kind of noise and its level; None when that is not known."""
        if noise not in NOISES:
            raise ValueError(
                f"Expected noise of {', '.join(NOISES)}. Received: {noise!r}"
            )
        if sigma is not None:
            sigma = check_positive_number(sigma, "sigma (in units of [0, 1])", 1.0)
            if noise not in LEVELLED:
                raise ValueError(
                    f"Expected sigma with noise of {', '.join(LEVELLED)}. "
                    f"Received: noise={noise!r}"
                )
            if noise == "poisson" and sigma < FEWEST:
                raise ValueError(
                    f"Expected sigma of photons of {FEWEST:g} or more. "
                    f"Received: {sigma!r}"
                )
        self.sigma, self.noise = sigma, noise

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem with the given or the estimated noise level."""
        problem = super().prepare(picture)
        if self.noise == IMPULSE:
            mask = np.ones((1, *picture.shape[:2], 1), "float32")
            observed = {**problem.observed, "mask": mask}
            return replace(problem, observed=observed, sigma=None)
        if self.noise == UNKNOWN:
            return replace(problem, sigma=None)
        level = self.sigma or _estimated_level(self.noise, picture)
        if self.noise == GAUSSIAN or level == 0:
            return replace(problem, sigma=level)
        scale = _scale(self.noise, level)
        observed = {
            "picture": scale.forward(problem.observed["picture"]),
            "noise_level": np.full((1, 1, 1, 1), level, "float32"),
        }
        sigma = scale.deviation
        return replace(problem, observed=observed, sigma=sigma, scale=scale)

    def unclip(self, problem: Problem, seed: int) -> Problem:
        """Return the problem with what was cut off its noise drawn anew.

        Photons and speckle leave nothing below black that could have been cut.
        """
        if not problem.sigma:
            return problem
        whole = before_clipping(
            problem.observed["picture"][0],
            problem.sigma,
            seed,
            black=self.noise == GAUSSIAN,
        )
        observed = {**problem.observed, "picture": whole[np.newaxis]}
        return replace(problem, observed=observed)

    @property
    def chains(self) -> bool:  # type: ignore[override]
        """Noise with a scale of its own is the end of what can be fitted as it is."""
        return self.noise not in POWERS

    def prepare_noise(self, picture: np.ndarray | None) -> float | None:
        """Return the given or the estimated deviation; None if it is not known."""
        return self.sigma if picture is None else self.prepare(picture).sigma

    def penalty(self, error: Any) -> Any:
        """Return the squared error, for impulses the absolute one."""
        from keras import ops

        return ops.abs(error) if self.noise == IMPULSE else ops.square(error)

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return the mean penalty, for impulses where nothing is held out."""
        if self.noise != IMPULSE:
            return super().data_term(x, observed)
        from keras import ops

        return ops.mean(self.penalty(x - observed["picture"]) * observed["mask"])

    def finish(self, x: Any, observed: Arrays) -> Any:
        """Bring the output back from the scale on which it was fitted."""
        if "noise_level" not in observed:
            return x
        level = float(np.ravel(observed["noise_level"])[0])
        return _scale(self.noise, level).inverse(x)

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the preset's settings, which depend on the noise.

        For `paper` on a given sigma, for the others on whether there is a model.
        """
        settings = super().preset_settings(preset)
        if preset != "paper":
            return settings | ({} if self.noise in LEVELLED else _WITHOUT_MODEL)
        if self.sigma is not None and self.sigma >= HEAVY_NOISE:
            return {**settings, "jitter": 1 / 20}
        return settings

    def built_in(self) -> Any:
        """Return what the data term has beside what is observed."""
        return self.noise

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, for records."""
        return {"sigma": self.sigma, "noise": self.noise}


def _scale(noise: str, level: float) -> Any:
    """Return the transform that makes such noise Gaussian."""
    from keras_dip.ops.stabilise import Anscombe, Logarithm

    return {"poisson": Anscombe, "speckle": Logarithm}[noise](level)


def _estimated_level(noise: str, picture: np.ndarray) -> float:
    """Return the level of noise, at most 1; 0 where there is next to none."""
    if noise == GAUSSIAN:
        level = noise_sigma(picture)
    else:
        level = min(relative_noise(picture, POWERS[noise]), 1.0)
    return 0.0 if level < LEAST_NOISE else level
