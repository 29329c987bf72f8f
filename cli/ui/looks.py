"""What the page shows, as HTML that needs no file and no server: pictures, curves."""

from __future__ import annotations

import base64
import html
import io
import math
from typing import TYPE_CHECKING, Any

from keras_dip.cli.progress import clock

if TYPE_CHECKING:
    import numpy as np

    from keras_dip.cli.ui.job import State

SHOWN = 1024
"""Largest side in pixels of a picture that is shown on the way."""

DECADES = 30
"""Curves that fall by more than this factor are drawn on a logarithmic scale."""

NO_PICTURE = "No picture"
WAITING = "Waiting for its turn"

INK, ACCENT, MARK = "#8b8f98", "#2f6fde", "#d9730d"


def as_image(picture: np.ndarray) -> Any:
    """Return a picture of floats [H, W] or [H, W, C] as a Pillow image that shows it.

    Of more channels than three, the first three are shown; of two, the first.
    """
    import numpy as np
    from PIL import Image

    pixels = np.rint(np.asarray(picture).clip(0, 1) * 255).astype("uint8")
    if pixels.ndim == 3:
        pixels = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., 0]
    return Image.fromarray(np.ascontiguousarray(pixels))


def opaque(picture: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Return a picture with what is transparent in a middle grey; alpha in [0, 1]."""
    import numpy as np

    if alpha is None:
        return picture
    weight = alpha if picture.ndim == 2 else alpha[..., np.newaxis]
    return picture * weight + 0.5 * (1 - weight)


def figure(picture: np.ndarray | None, words: str) -> str:
    """Return HTML that shows a picture, or the words where there is none."""
    if picture is None:
        return f'<div class="kd-empty">{html.escape(words)}</div>'
    image = as_image(picture)
    height, width = image.height, image.width
    image.thumbnail((SHOWN, SHOWN))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92, subsampling=0)
    data = base64.b64encode(file.getvalue()).decode()
    crisp = " kd-crisp" if max(height, width) < 256 else ""
    return (
        f'<img class="kd-picture{crisp}" alt="{html.escape(words)}" '
        f'width="{width}" height="{height}" src="data:image/jpeg;base64,{data}">'
    )


def side_by_side(before: np.ndarray, after: np.ndarray) -> tuple[Any, Any]:
    """Return two pictures of one size: the first is enlarged if it is the smaller."""
    first, second = as_image(before).convert("RGB"), as_image(after).convert("RGB")
    return first.resize(second.size), second


def status(state: State) -> str:
    """Return HTML that says how far a restoration is."""
    words, more = _words(state)
    bar = ""
    if not state.has_ended and state.phase != "restored":
        known = state.phase == "fitting" and state.total
        value = f' value="{state.step}" max="{state.total}"' if known else ""
        bar = f'<progress aria-label="progress"{value}></progress>'
    notes = "".join(f'<p class="kd-note">{html.escape(n)}</p>' for n in state.notes)
    return said(words, more, bar + notes)


def said(words: str, more: str = "", below: str = "") -> str:
    """Return HTML of a line about the restoration."""
    return (
        f'<div class="kd-status" role="status"><p><strong>{html.escape(words)}</strong>'
        f"<span>{html.escape(more)}</span></p>{below}</div>"
    )


def size_in_words(size: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(size / 1e3, 1):.0f} kB"


def curves(state: State) -> str:
    """Return SVGs of the loss and of the stopping rule's criterion, "" before both.

    Their words and lines suit light and dark pages.
    """
    if len(state.curves) < 2:
        return ""
    steps = [step for step, _, _ in state.curves]
    losses = [loss for _, loss, _ in state.curves]
    criteria = [c if c is not None else math.nan for _, _, c in state.curves]
    drawn = [_curve("Loss", steps, losses, _chosen(state))]
    if any(math.isfinite(value) for value in criteria):
        title = "Stopping criterion, lower is better"
        drawn.append(_curve(title, steps, criteria, _chosen(state)))
    return f'<div class="kd-curves">{"".join(drawn)}</div>'


def _curve(
    title: str, steps: list[int], values: list[float], chosen: int | None
) -> str:
    """Return an SVG of one curve; the step that was kept is marked."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "font.family": "sans-serif"}):
        drawing = Figure(figsize=(4.2, 1.9), layout="constrained")
        drawing.patch.set_alpha(0)
        axes = drawing.subplots()
        axes.plot(steps, values, color=ACCENT, linewidth=1.8)
        if chosen is not None:
            axes.axvline(chosen, color=MARK, linewidth=1.2, linestyle="--")
            title += f" (step {chosen} kept)"
        _dress(axes, title, [value for value in values if math.isfinite(value)])
        file = io.StringIO()
        drawing.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    return svg[svg.index("<svg") :]


def _dress(axes: Any, title: str, values: list[float]) -> None:
    axes.set_facecolor("none")
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.set_xlabel("steps", fontsize=8, color=INK)
    axes.set_xlim(0, None)
    if 0 < DECADES * min(values) < max(values):
        axes.set_yscale("log")
    else:
        axes.locator_params(axis="y", nbins=4)
        axes.ticklabel_format(axis="y", scilimits=(-2, 3))
    axes.minorticks_off()
    axes.tick_params(colors=INK, labelsize=8, length=2)
    axes.yaxis.get_offset_text().set(color=INK, fontsize=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
        spine.set_alpha(0.5)


def _chosen(state: State) -> int | None:
    restoration = state.restoration
    return None if restoration is None else restoration.best_step


def _words(state: State) -> tuple[str, str]:
    """Return what is going on, and the numbers to it."""
    if state.phase == "failed":
        return NO_PICTURE, state.error or ""
    if state.phase == "waiting":
        many = f"{state.before} fits come" if state.before > 1 else "one fit comes"
        return WAITING, f"{many} first"
    if state.phase == "preparing":
        return "Preparing", "reading the picture, building the network"
    numbers = f"step {state.step} of at most {state.total}"
    if state.phase == "fitting":
        which = f"{state.place}, " if state.place else ""
        return "Restoring", f"{which}{numbers}, {clock(state.seconds)}"
    if state.phase == "finishing":
        return "Finishing", f"after {numbers}"
    restoration = state.restoration
    assert restoration is not None
    taken = f"{restoration.steps} steps in {clock(restoration.seconds)}."
    summary = f"{taken} {restoration.stop_reason}"
    return ("Restored" if state.phase == "done" else "Writing files"), summary
