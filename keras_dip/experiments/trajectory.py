"""The way of one fit: first towards the clean picture, in the end towards the noise.

A noisy picture is fitted as it is. The distance to the noisy picture falls all the way;
the PSNR against the clean one rises, and falls again: whoever wants to denoise has to
stop in between (Ulyanov et al., CVPR 2018, section 2.1). z is left without jitter,
which would put off the fall.
"""

from typing import Any

import numpy as np

from keras_dip.experiments import pictures
from keras_dip.experiments.base import (
    Identity,
    Outcome,
    Setup,
    Study,
    fit,
    in_turn,
    skip_network,
)
from keras_dip.metrics import psnr

STUDY = Study(
    name="trajectory",
    summary="The picture comes first and the noise later: why a fit has to stop.",
    steps=1500,
    size=128,
    pictures=("trajectory.png", "trajectory-strip.png", "trajectory.gif"),
)

IN_STRIP = 6
IN_FILM = 40
"""Iterates in the film strip, and frames of the animation, at most."""


def chosen(steps: list[int], count: int) -> list[int]:
    """Return at most `count` of some ascending steps, log-spaced, with both ends."""
    wanted = np.geomspace(steps[0], steps[-1], count)
    nearest = {min(steps, key=lambda s: (abs(s - w), s)) for w in wanted}
    return sorted(nearest)


def run(setup: Setup) -> Outcome:
    """Fit the noisy picture; the table has a row per report.

    The fit's `extra["frames"]` has the picture of every report, by step, as 8-bit
    integers.
    """
    noisy = pictures.with_noise(setup.picture, setup.noise, setup.seed)
    recorder = _recorder(noisy)
    done = fit(
        setup,
        "noisy picture",
        Identity(jitter=0.0),
        noisy,
        network=skip_network(setup),
        reference=setup.picture,
        callbacks=[recorder],
    )
    _, interrupted = in_turn([done])
    done.extra.update(frames=recorder.frames, psnr_noisy=np.array(recorder.psnr_noisy))
    curves = [done.history[name] for name in ("step", "loss", "psnr")]
    rows = [
        {
            "step": int(step),
            "loss": float(loss),
            "psnr_clean": float(clean),
            "psnr_noisy": float(against_noisy),
        }
        for step, loss, clean, against_noisy in zip(
            *curves, recorder.psnr_noisy, strict=True
        )
    ]
    shown = {"clean": setup.picture, "noisy": noisy}
    return Outcome([done], rows, shown, interrupted)


def _recorder(noisy: np.ndarray) -> Any:
    """Return a callback that keeps the picture of every report."""
    import keras

    from keras_dip.images.convert import quantise

    class Recorder(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.frames: dict[int, np.ndarray] = {}
            self.psnr_noisy: list[float] = []

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            picture = self.model.picture()[0].clip(0, 1)
            self.frames[self.model.step] = quantise(picture, "uint8")
            self.psnr_noisy.append(psnr(picture, noisy))

    return Recorder()


def draw(outcome: Outcome) -> dict[str, bytes]:
    """Return the plot of both PSNR, the film strip and the animation."""
    plot, strip, film = STUDY.pictures
    return {plot: _plot(outcome), strip: _strip(outcome), film: _film(outcome)}


def _plot(outcome: Outcome) -> bytes:
    from keras_dip.experiments import output

    (done,) = outcome.fits
    steps, clean = done.history["step"], done.history["psnr"]
    figure = output.new_figure(7.2, 4.2)
    axes = figure.add_subplot()
    for colour, curve, label in (
        (output.COLOURS[0], clean, "against the clean picture"),
        (output.COLOURS[1], done.extra["psnr_noisy"], "against the noisy picture"),
    ):
        marker = "o" if len(steps) < 8 else None
        axes.plot(steps, curve, color=colour, marker=marker, label=label)
    given = psnr(outcome.pictures["noisy"], outcome.pictures["clean"])
    axes.axhline(given, color=output.GREY, linestyle="--", linewidth=1)
    axes.annotate(
        f"the noisy picture itself: {given:.1f} dB",
        (1, given),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 4),
        textcoords="offset points",
        ha="right",
        color=output.GREY,
    )
    best = int(np.argmax(clean))
    axes.plot(steps[best], clean[best], "o", color=output.COLOURS[0], markersize=7)
    axes.annotate(
        f"best: {clean[best]:.1f} dB at step {steps[best]}",
        (steps[best], clean[best]),
        xytext=(0, 9),
        textcoords="offset points",
        ha=("left", "center", "right")[min(3 * best // len(steps), 2)],
        color=output.COLOURS[0],
    )
    axes.margins(y=0.14)
    axes.set_xlabel("step")
    axes.set_ylabel("PSNR in dB")
    axes.set_title("Towards the picture, then towards its noise", loc="left")
    axes.legend(loc="lower right")
    return output.png(figure)


def _strip(outcome: Outcome) -> bytes:
    from keras_dip.experiments import output

    (done,) = outcome.fits
    values = dict(zip(done.history["step"].tolist(), done.history["psnr"], strict=True))
    clean, noisy = outcome.pictures["clean"], outcome.pictures["noisy"]
    cells = [("noisy", noisy, f"{psnr(noisy, clean):.1f} dB")]
    for step in chosen(list(values), IN_STRIP):
        picture = done.extra["frames"][step]
        cells.append((f"step {step}", picture, f"{values[step]:.1f} dB"))
    return output.png(output.strip([*cells, ("clean", clean, "")]))


def _film(outcome: Outcome) -> bytes:
    from keras_dip.experiments import output

    (done,) = outcome.fits
    values = dict(zip(done.history["step"].tolist(), done.history["psnr"], strict=True))
    return output.gif(
        [
            (done.extra["frames"][step], f"step {step}   {values[step]:.1f} dB")
            for step in chosen(list(values), IN_FILM)
        ]
    )
