"""Plots, film strips, animations, tables: a study's outcome as the bytes of files.

matplotlib draws by Agg straight into memory: no window, no state that others share.
"""

import csv
import io
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from matplotlib import style, ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from keras_dip import images
from keras_dip.experiments.base import Outcome, Study
from keras_dip.images.convert import quantise

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#aa4499")
"""Told apart by the colour-blind too (Okabe and Ito; the last by Paul Tol)."""

GREY = "#666666"
STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelcolor": "#333333",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "lines.linewidth": 2,
}
DPI = 150
CELL, CAPTION = 1.9, 0.5  # inches: the side of a picture in a strip, the words below
LONGEST_ROW = 5
FILM_SIDE, FILM_CAPTION, FONT_SIZE = 256, 24, 15  # pixels
FRAME_SECONDS, LAST_SECONDS = 0.15, 1.5


def styled() -> AbstractContextManager[None]:
    """Return the context in which everything is drawn, whatever a matplotlibrc says."""
    context: AbstractContextManager[None] = style.context(["default", STYLE])
    return context


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches."""
    return Figure(figsize=(width, height), dpi=DPI)


def log_scale(axes: Axes) -> None:
    """Make the upright axis logarithmic, with plain numbers beside it."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def show(axes: Axes, picture: np.ndarray, name: str, *, frame: str = "") -> None:
    """Show a picture [h, w, c] under its name, with a coloured frame if asked for."""
    shade = picture if picture.dtype == np.uint8 else quantise(picture, "uint8")
    colours = np.repeat(shade, 3, axis=2) if shade.shape[2] == 1 else shade[..., :3]
    axes.imshow(colours, interpolation="nearest")
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(name, fontsize=9, fontweight="normal", color=frame or "#333333")
    for spine in axes.spines.values():
        spine.set_visible(bool(frame))
        spine.set_color(frame or GREY)
        spine.set_linewidth(2.5)


def strip(cells: Sequence[tuple[str, np.ndarray, str]]) -> Figure:
    """Return pictures [h, w, c] in rows, each with its name above and words below."""
    rows = -(-len(cells) // LONGEST_ROW)
    columns = -(-len(cells) // rows)
    figure = new_figure(columns * CELL, rows * (CELL + CAPTION))
    grid = figure.add_gridspec(
        rows,
        columns,
        left=0.015,
        right=0.985,
        top=1 - 0.3 / (rows * (CELL + CAPTION)),
        bottom=0.28 / (rows * (CELL + CAPTION)),
        wspace=0.06,
        hspace=0.3,
    )
    for index, (name, picture, words) in enumerate(cells):
        axes = figure.add_subplot(grid[index // columns, index % columns])
        show(axes, picture, name)
        axes.set_xlabel(words, fontsize=9, labelpad=4)
    return figure


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    # Without matplotlib's version: the same figure gives the same bytes.
    FigureCanvasAgg(figure)
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def gif(frames: Sequence[tuple[np.ndarray, str]]) -> bytes:
    """Return 8-bit pictures [h, w, c], each with words below, as an animated GIF."""
    drawn = [_frame(picture, words) for picture, words in frames]
    seconds = [FRAME_SECONDS] * (len(drawn) - 1) + [LAST_SECONDS]
    file = io.BytesIO()
    drawn[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=drawn[1:],
        duration=[round(1000 * second) for second in seconds],
        loop=0,
    )
    return file.getvalue()


def _frame(picture: np.ndarray, words: str) -> Image.Image:
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    zoom = max(1, round(FILM_SIDE / max(image.size)))
    large = image.resize(
        (image.width * zoom, image.height * zoom), Image.Resampling.NEAREST
    )
    frame = Image.new("RGB", (large.width, large.height + FILM_CAPTION), "white")
    frame.paste(large)
    ImageDraw.Draw(frame).text(
        (6, large.height + FILM_CAPTION / 2),
        words,
        fill="black",
        anchor="lm",
        font=ImageFont.load_default(FONT_SIZE),
    )
    return frame


def table(outcome: Outcome) -> str:
    """Return the rows of an outcome as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(outcome.rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(outcome.rows)
    return text.getvalue()


def record(study: Study, outcome: Outcome, command: str, options: Any) -> str:
    """Return what was set, by which command, and with which versions, as JSON."""
    settings = {fit.name: fit.settings for fit in outcome.fits}
    versions = dict(next(iter(settings.values())).get("versions", {}))
    for package in ("numpy", "matplotlib", "pillow"):
        versions[package] = metadata.version(package)
    everything = {
        "study": study.name,
        "command": command,
        "options": options,
        "versions": versions,
        "fits": settings,
    }
    return json.dumps(everything, indent=2) + "\n"


def check(
    study: Study, folder: Path, *, inputs: Sequence[str] = (), force: bool
) -> None:
    """Refuse a folder where the study's files cannot, or must not, be written.

    Args:
        study: whose files.
        folder: where to; has to exist.
        inputs: files that must not be overwritten, even with `force`.
        force: allow existing files to be replaced.

    Raises:
        ImageError: with the reason.
    """
    for name in study.files:
        path = folder / name
        images.check_output(path, inputs=inputs, force=force, suffixes=(path.suffix,))


def write(
    study: Study,
    outcome: Outcome,
    drawn: dict[str, bytes],
    folder: Path,
    *,
    command: str,
    options: dict[str, Any],
    inputs: Sequence[str] = (),
    force: bool,
) -> None:
    """Write pictures, table and settings into an existing folder; see `check`.

    Raises:
        ImageError: if something is there already and `force` is False, or the system
            refuses.
    """
    check(study, folder, inputs=inputs, force=force)
    files = {
        **drawn,
        f"{study.name}.csv": table(outcome).encode(),
        f"{study.name}.json": record(study, outcome, command, options).encode(),
    }
    for name, data in files.items():
        images.atomic_write(folder / name, partial(_put, data))


def _put(data: bytes, file: BinaryIO) -> None:
    file.write(data)
