"""What notebooks show of a restoration: figures of matplotlib, without a window."""

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_dip.metrics import psnr
from keras_dip.report.curves import Ink, draw, known_curves
from keras_dip.report.embedding import as_image
from keras_dip.report.maps import residual_map
from keras_dip.report.residual import whiteness

if TYPE_CHECKING:
    from keras_dip.restoration import Restoration

STYLE = {"font.family": "DejaVu Sans", "figure.facecolor": "white", "font.size": 10}
SIDE = 3.6  # inches of a picture
DPI = 110


class Shown(Figure):
    """A figure that a notebook shows, whether or not pyplot was ever imported."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        FigureCanvasAgg(self)
        self.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()


def curves(restoration: "Restoration") -> Figure:
    """Return the curves of a fit side by side, the chosen step marked."""
    known = known_curves(restoration)
    with style.context(["default", STYLE]):
        size = (4.2 * len(known), 3.0)
        figure = Shown(figsize=size, dpi=DPI, layout="constrained")
        for index, curve in enumerate(known):
            axes = figure.add_subplot(1, len(known), index + 1)
            draw(axes, restoration, curve, Ink())
            axes.set_title(curve.title, fontsize=11, loc="left")
            axes.set_ylabel(curve.unit, color=Ink.quiet)
    return figure


def comparison(restoration: "Restoration") -> Figure:
    """Return before, after, the undamaged picture if known, and the residual."""
    evidence, image = restoration.evidence, restoration.image
    panels: list[tuple[str, np.ndarray, np.ndarray | None]] = [("after", image, None)]
    if evidence is not None:
        panels.insert(0, ("before", evidence.observed, evidence.known))
        if evidence.reference is not None:
            decibels = psnr(image.reshape(evidence.reference.shape), evidence.reference)
            panels[1] = (f"after, {decibels:.2f} dB", image, None)
            panels.append(("undamaged", evidence.reference, None))
        residual = evidence.residual(image)
        if residual is not None:
            grey, scale = residual_map(residual)
            white = whiteness(residual, evidence.known)
            name = f"left out (±{scale * 255:.3g} levels), whiteness {white:.2f}"
            panels.append((name, grey, evidence.known))
    height = SIDE * image.shape[0] / image.shape[1] + 0.4
    with style.context(["default", STYLE]):
        size = (SIDE * len(panels), min(height, 3 * SIDE))
        figure = Shown(figsize=size, dpi=DPI, layout="constrained")
        for index, (name, picture, known) in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), index + 1)
            _show(axes, picture, known, name)
    return figure


def _show(axes: Axes, picture: np.ndarray, known: np.ndarray | None, name: str) -> None:
    image = as_image(picture, known)
    axes.imshow(np.asarray(image.convert("RGBA")), interpolation="nearest")
    axes.set_title(name, fontsize=10)
    axes.set_axis_off()
