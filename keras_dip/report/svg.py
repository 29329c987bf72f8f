"""Figures of matplotlib as SVG inside a page, in the page's own colours."""

import io
import re
from typing import TYPE_CHECKING

from markupsafe import Markup
from matplotlib import style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from keras_dip.report.curves import Curve, Ink, draw

if TYPE_CHECKING:
    from keras_dip.restoration import Restoration

# matplotlib knows no CSS variables: these colours stand for them.
_VARIABLES = {
    "#010203": "var(--ink)",
    "#010204": "var(--muted)",
    "#010205": "var(--line)",
    "#010206": "var(--accent)",
    "#010207": "var(--mark)",
}
PAGE_INK = Ink(*_VARIABLES)
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib; the page sets its own
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "keras_dip",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
NO_METADATA: dict[str, None] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
WIDTH, HEIGHT = 5.0, 2.9  # inches of 72 points


def curve_svg(restoration: "Restoration", curve: Curve) -> Markup:
    """Return one curve of a fit as an SVG element."""
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        draw(figure.add_subplot(), restoration, curve, PAGE_INK)
        label = f"{curve.title} over the steps of the fit."
        if restoration.tiles is None:
            label += f" Step {restoration.best_step} was chosen."
        return inline(figure, curve.key, label)


def inline(figure: Figure, name: str, label: str) -> Markup:
    """Return a figure as an SVG element that scales with its place.

    Args:
        figure: what is drawn.
        name: unique on the page; ids inside begin with it.
        label: what it shows, for those who cannot see it.
    """
    file = io.StringIO()
    FigureCanvasSVG(figure)
    figure.savefig(file, format="svg", metadata=NO_METADATA)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _with_ids(text, name)
    box = re.search(r'viewBox="[^"]*"', text)
    opening = Markup('<svg class="plot" role="img" aria-label="{}" {}>').format(
        label, Markup(box[0] if box else "")
    )
    # What matplotlib wrote is its own, with words that it has escaped.
    return opening + Markup(re.sub(r"^<svg[^>]*>", "", text, count=1))


def _with_ids(text: str, name: str) -> str:
    """Make ids, and what refers to them, unique on the page."""
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    return text.replace("url(#", f"url(#{name}-")
