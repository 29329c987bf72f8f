"""Natural pictures are learnt fast, noise slowly: loss against step for four targets.

The same network and the same z are fitted to a natural picture, to it with noise, to it
with its pixels shuffled, and to white noise (Ulyanov et al., CVPR 2018, figure 2). The
four differ in how much there is to explain, so that the table also has the loss as a
share of the target's variance, which is the loss of one flat colour.
"""

from typing import Any

import numpy as np

from keras_dip.experiments import pictures
from keras_dip.experiments.base import (
    Fit,
    Identity,
    Outcome,
    Setup,
    Study,
    fit,
    in_turn,
    skip_network,
)

STUDY = Study(
    name="learning-curves",
    summary="A natural picture is fitted far faster than noise.",
    steps=500,
    size=128,
    pictures=("learning-curves.png",),
)


def targets(setup: Setup) -> dict[str, np.ndarray]:
    """Return the four pictures to fit, by name, each [h, w, c]."""
    natural, seed = setup.picture, setup.seed
    return {
        "natural picture": natural,
        "picture + noise": pictures.with_noise(natural, setup.noise, seed),
        "pixels shuffled": pictures.shuffled(natural, seed),
        "white noise": pictures.uniform_noise(natural, seed),
    }


def run(setup: Setup) -> Outcome:
    """Fit each of the four; the table has a row per picture and report."""
    wanted = targets(setup)
    fits, interrupted = in_turn(
        fit(setup, name, Identity(), target, network=skip_network(setup))
        for name, target in wanted.items()
    )
    rows = [row for done in fits for row in _rows(done, wanted[done.name])]
    return Outcome(fits, rows, wanted, interrupted)


def _rows(done: Fit, target: np.ndarray) -> list[dict[str, Any]]:
    variance = float(target.var(axis=(0, 1)).mean())
    return [
        {
            "picture": done.name,
            "step": int(step),
            "loss": float(loss),
            "loss_share": float(loss) / variance if variance else float("nan"),
        }
        for step, loss in zip(done.history["step"], done.history["loss"], strict=True)
    ]


def draw(outcome: Outcome) -> dict[str, bytes]:
    """Return the plot: the curves, and the four pictures beside them."""
    from keras_dip.experiments import output

    figure = output.new_figure(9.6, 4.2)
    grid = figure.add_gridspec(
        2, 3, width_ratios=(3.4, 1, 1), left=0.08, right=0.985, wspace=0.08, hspace=0.2
    )
    axes = figure.add_subplot(grid[:, 0])
    for colour, done in zip(output.COLOURS, outcome.fits, strict=False):
        curve = done.history
        axes.plot(
            curve["step"],
            curve["loss"],
            color=colour,
            marker="o" if len(curve["step"]) < 8 else None,
            label=done.name,
        )
    output.log_scale(axes)
    axes.set_xlabel("step")
    axes.set_ylabel("mean squared error")
    axes.set_title("How fast the same network learns", loc="left")
    axes.legend(loc="lower left")
    for index, (name, picture) in enumerate(outcome.pictures.items()):
        cell = figure.add_subplot(grid[index // 2, 1 + index % 2])
        output.show(cell, picture, name, frame=output.COLOURS[index])
    return {STUDY.pictures[0]: output.png(figure)}
