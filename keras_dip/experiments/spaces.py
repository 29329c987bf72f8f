"""One data term, three spaces to minimise it in: pixels, pixels with TV, weights.

Half of the pixels are missing. The data term says nothing about them, so that over
pixels they stay where they started; total variation fills them smoothly; over the
weights of a network the missing pixels come from its structure (Ulyanov et al., CVPR
2018, eq. 1 and 2).
"""

from typing import Any

import numpy as np

from keras_dip.experiments import pictures
from keras_dip.experiments.base import (
    JITTER,
    Fit,
    Outcome,
    Setup,
    Study,
    fit,
    in_turn,
    skip_network,
)
from keras_dip.metrics import psnr, ssim
from keras_dip.regularizers import TotalVariation
from keras_dip.tasks.inpaint import Inpaint

STUDY = Study(
    name="spaces",
    summary="The same data term over pixels, over pixels with TV, and over weights.",
    steps=1000,
    size=128,
    pictures=("spaces.png",),
)

MISSING = 0.5
"""Share of the pixels."""

TV_WEIGHTS = (0.0003, 0.001, 0.003, 0.01, 0.03)
"""Tried for total variation; the best by PSNR is shown, which favours it."""

PIXELS, PIXELS_TV, THETA = "pixels", "pixels + TV", "weights of a network"


class MissingPixels(Inpaint):
    """Inpainting with the settings of this study, the same in all spaces."""

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the published z and jitter with a learning rate of 0.01."""
        del preset
        return {"steps": 1000, "jitter": JITTER}


def run(setup: Setup) -> Outcome:
    """Minimise in each space; the table has a row per fit."""
    mask = pictures.scattered_mask(setup.picture, MISSING, setup.seed)
    degraded = setup.picture * mask[..., np.newaxis]
    fits, interrupted = in_turn(
        fit(
            setup,
            name,
            MissingPixels(mask),
            degraded,
            reference=setup.picture,
            **arguments,
        )
        for name, arguments in _spaces(setup)
    )
    rows = [_row(done, setup.picture) for done in fits]
    given = {"given": degraded, "clean": setup.picture}
    return Outcome(fits, rows, given, interrupted)


def _spaces(setup: Setup) -> Any:
    """Yield the name of each fit and its arguments; networks are built when due."""
    yield PIXELS, {"network": "pixels"}
    for weight in TV_WEIGHTS:
        prior = TotalVariation(weight)
        name = f"{PIXELS_TV} ({weight:g})"
        yield name, {"network": "pixels", "regularizer": prior}
    yield THETA, {"network": skip_network(setup)}


def _row(done: Fit, clean: np.ndarray) -> dict[str, Any]:
    return {
        "space": done.name,
        "numbers_fitted": done.weights,
        "steps": int(done.history["step"][-1]),
        "loss": float(done.history["loss"][-1]),
        "psnr": psnr(done.image, clean),
        "ssim": ssim(done.image, clean),
        "seconds": round(done.seconds, 2),
    }


def shown(outcome: Outcome) -> list[Fit]:
    """Return one fit for each space that was reached: of those with TV the best."""
    clean = outcome.pictures["clean"]
    tv = [done for done in outcome.fits if done.name.startswith(PIXELS_TV)]
    best = max(tv, key=lambda done: psnr(done.image, clean), default=None)
    return [done for done in outcome.fits if done not in tv or done is best]


def draw(outcome: Outcome) -> dict[str, bytes]:
    """Return the pictures side by side with their PSNR."""
    from keras_dip.experiments import output

    clean, given = outcome.pictures["clean"], outcome.pictures["given"]
    cells = [("given", given, f"{psnr(given, clean):.1f} dB")]
    for done in shown(outcome):
        value = psnr(done.image, clean)
        cells.append((done.name.split(" (")[0], done.image, f"{value:.1f} dB"))
    return {STUDY.pictures[0]: output.png(output.strip([*cells, ("clean", clean, "")]))}
