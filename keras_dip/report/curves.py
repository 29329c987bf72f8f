"""The curves of a fit, drawn on axes of matplotlib."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes

if TYPE_CHECKING:
    from keras_dip.restoration import Restoration


@dataclass(frozen=True)
class Ink:
    """Colours: of words, of what stands back, of curves, and of the chosen step."""

    words: str = "#1c1d21"
    quiet: str = "#8a8c93"
    grid: str = "#e4e2dd"
    curve: str = "#0b66c3"
    mark: str = "#c2410c"


@dataclass(frozen=True)
class Curve:
    """What can be drawn: a key of the history, a title, and what the axis shows."""

    key: str
    title: str
    unit: str
    meaning: str


CURVES = (
    Curve(
        "loss",
        "Data term",
        "",
        "How far A(x) is from the picture that came in, as the fit sees it.",
    ),
    Curve(
        "criterion",
        "Stopping criterion",
        "lower is better",
        "What the stopping rule measures; the step with the least is kept.",
    ),
    Curve("psnr", "PSNR", "dB", "Against the undamaged picture, which no fit sees."),
    Curve("ssim", "SSIM", "of 1", "Structural similarity to the undamaged picture."),
)


def known_curves(restoration: "Restoration") -> list[Curve]:
    """Return the curves of which something was measured."""
    history = restoration.history
    return [
        curve
        for curve in CURVES
        if curve.key in history and np.isfinite(history[curve.key]).any()
    ]


def runs(restoration: "Restoration", key: str) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield steps and values of each member or tile, where the values are finite."""
    history = restoration.history
    of = history.get("tile", history.get("member", np.zeros(len(history["step"]))))
    for number in np.unique(of):
        here = (of == number) & np.isfinite(history[key])
        yield history["step"][here], history[key][here]


def draw(axes: Axes, restoration: "Restoration", curve: Curve, ink: Ink) -> None:
    """Draw one curve of all members or tiles.

    Of members the last one's is strong, with the chosen step marked.
    """
    lines = list(runs(restoration, curve.key))
    for steps, values in lines[:-1]:
        axes.plot(steps, values, _style(steps), color=ink.curve, lw=1, alpha=0.35)
    steps, values = lines[-1]
    strong = {"lw": 2} if restoration.tiles is None else {"lw": 1, "alpha": 0.35}
    axes.plot(steps, values, _style(steps), color=ink.curve, **strong)
    everything = np.concatenate([values for _, values in lines])
    if curve.key in ("loss", "criterion") and everything.min() > 0:
        _log_scale(axes, everything)
    if restoration.tiles is None and len(steps):
        best = restoration.best_step
        axes.axvline(best, color=ink.mark, linewidth=1, linestyle=(0, (4, 3)))
        value = np.interp(best, steps, values)
        axes.plot([best], [value], "o", color=ink.mark, markersize=6, gid="chosen")
    _settle(axes, ink)


def _style(steps: np.ndarray) -> str:
    """Return what matplotlib calls a line, or a dot where there is nothing else."""
    return "-" if len(steps) > 1 else "o"


def _settle(axes: Axes, ink: Ink) -> None:
    """Give axes their quiet look."""
    axes.set_xlabel("step", color=ink.quiet)
    axes.grid(True, color=ink.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=ink.quiet, which="both", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(ink.grid)
    axes.xaxis.set_major_locator(
        ticker.MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10])
    )


def _log_scale(axes: Axes, values: np.ndarray) -> None:
    """Use a logarithmic axis where values span much, with plain numbers beside it."""
    if values.max() < 3 * values.min():
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=8))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%.3g"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
