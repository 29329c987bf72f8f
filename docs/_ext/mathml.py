"""Formulas as MathML, which browsers draw by themselves, without script or network.

Sphinx's own renderers need LaTeX, or a script from another server at view time.
"""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a sentence."""
    translator.body.append(_mathml(node, "inline"))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    translator.body.append(f'<div class="math">{_mathml(node, "block")}</div>')
    raise nodes.SkipNode


def _mathml(node: nodes.Element, display: str) -> str:
    formula: str = convert(node.astext(), display=display)
    if "\\" in formula:  # a command that the converter does not know is left as it is
        logger.warning("not understood: %s", node.astext(), location=node)
    return formula


def setup(app: Any) -> dict[str, bool]:
    """Offer the renderer to Sphinx, for `html_math_renderer = "mathml"`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
