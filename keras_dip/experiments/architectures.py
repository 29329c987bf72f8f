"""What a large hole is filled with depends on the network: depth and skips.

A deep hourglass sees the hole from far enough away to continue what surrounds it; a
shallow one does not, and skip connections carry the hole's edges straight through
(Ulyanov et al., CVPR 2018, figure 8).
"""

from typing import Any

import numpy as np

from keras_dip.experiments import pictures
from keras_dip.experiments.base import (
    Fit,
    Outcome,
    Setup,
    Study,
    fit,
    in_turn,
)
from keras_dip.metrics import psnr
from keras_dip.tasks.inpaint import Inpaint

STUDY = Study(
    name="architectures",
    summary="What networks of several depths and kinds put into a large hole.",
    steps=500,
    size=128,
    pictures=("architectures.png",),
)

CHANNELS = (16, 32, 64, 128, 128, 128)
"""Of the published network for large holes, finest scale first."""

DEPTHS = (2, 4, 6)
Z_CHANNELS = 1
OTHERS = {"unet": 0.001, "resnet": 0.001}
"""Networks that are built as they are, and their published learning rates."""


class LargeHole(Inpaint):
    """Inpainting with the published settings for a large hole, for any network."""

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return them; z is one channel of noise without jitter."""
        del preset
        return {"steps": 3001, "latent_channels": Z_CHANNELS}


def run(setup: Setup) -> Outcome:
    """Fill the hole with each network there is; the table has a row per network."""
    mask = pictures.hole_mask(setup.picture)
    degraded = setup.picture * mask[..., np.newaxis]
    fits, interrupted = in_turn(
        fit(
            setup,
            name,
            LargeHole(mask),
            degraded,
            reference=setup.picture,
            **arguments,
        )
        for name, arguments in _networks(setup)
    )
    rows = [_row(done, setup.picture, mask) for done in fits]
    shown = {"given": degraded, "clean": setup.picture}
    return Outcome(fits, rows, shown, interrupted)


def _networks(setup: Setup) -> Any:
    """Yield the name of each fit and its arguments; networks are built when due."""
    from keras_dip import models

    for depth in DEPTHS:
        yield f"hourglass {depth}", {"network": _hourglass(setup, depth, skip=0)}
    yield f"skip {DEPTHS[-1]}", {"network": _hourglass(setup, DEPTHS[-1], skip=4)}
    for name, rate in OTHERS.items():
        if name in models.names():
            yield name, {"network": name, "learning_rate": rate}


def _hourglass(setup: Setup, depth: int, skip: int) -> Any:
    """Build the published network for large holes with another depth, or with skips."""
    from keras_dip import models

    channels = [min(count, setup.channels) for count in CHANNELS[:depth]]
    return models.build(
        "skip",
        setup.picture.shape[:2],
        input_channels=Z_CHANNELS,
        output_channels=setup.picture.shape[2],
        down_channels=channels,
        up_channels=channels,
        skip_channels=(skip,) * depth,
        down_kernel_size=5,
        up_1x1=False,
        upsampling="nearest",
        seed=setup.seed,
    )


def _row(done: Fit, clean: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    return {
        "network": done.name,
        "weights": done.weights,
        "steps": int(done.history["step"][-1]),
        "loss": float(done.history["loss"][-1]),
        "psnr": psnr(done.image, clean),
        "psnr_hole": psnr(done.image[~mask], clean[~mask]),
        "seconds": round(done.seconds, 2),
    }


def draw(outcome: Outcome) -> dict[str, bytes]:
    """Return the filled pictures side by side, with the PSNR inside the hole."""
    from keras_dip.experiments import output

    cells = [("given", outcome.pictures["given"], "")]
    for done, row in zip(outcome.fits, outcome.rows, strict=True):
        cells.append((done.name, done.image, f"hole: {row['psnr_hole']:.1f} dB"))
    cells.append(("clean", outcome.pictures["clean"], ""))
    return {STUDY.pictures[0]: output.png(output.strip(cells))}
