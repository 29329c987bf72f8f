"""How Sphinx builds this folder into a site: python docs/build.py.

The build needs no network, and neither do the pages: formulas are MathML, there are no
web fonts, and the browser page's runtime lies beside it.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # autodoc imports TensorFlow
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras_dip  # noqa: E402

project = "keras_dip"
author = "the authors of keras_dip"
release = version = keras_dip.__version__

extensions = [
    "mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["browser", "_ext", "_build", "pictures"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

default_role = "code"  # `x` in a docstring is code

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say what is taken, with shapes and units
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"keras_dip {release}"
html_math_renderer = "mathml"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False


def copy_browser_page(app: Any, error: Exception | None) -> None:
    """Put the page that opens ONNX files beside the others, as it is."""
    if error is None and app.builder.name == "html":
        shutil.copytree(
            HERE / "browser",
            app.outdir / "browser",
            ignore=shutil.ignore_patterns("*.py", "__pycache__"),
            dirs_exist_ok=True,
        )


def setup(app: Any) -> None:
    """Hook in."""
    app.connect("build-finished", copy_browser_page)
