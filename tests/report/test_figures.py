"""What a notebook shows."""

import io
import re
import subprocess
import sys

import numpy as np
from PIL import Image

from keras_dip.restoration import Evidence


def titles(figure):
    return [axes.get_title() or axes.get_title(loc="left") for axes in figure.axes]


def test_plot_has_a_panel_for_each_curve(fitted, made):
    assert titles(fitted.plot()) == [
        "Data term",
        "Stopping criterion",
        "PSNR",
        "SSIM",
    ]
    figure = made(24, 32).plot()
    assert titles(figure) == ["Data term", "Stopping criterion"]
    for axes in figure.axes:
        (mark,) = [line for line in axes.lines if line.get_gid() == "chosen"]
        assert list(mark.get_xdata()) == [75]


def test_compare_shows_before_after_and_the_rest(fitted, made):
    before, after, undamaged, rest = titles(fitted.compare())
    assert (before, undamaged) == ("before", "undamaged")
    assert re.fullmatch(r"after, \d+\.\d\d dB", after) and "whiteness" in rest
    given = Evidence(np.zeros((24, 32, 3), "uint8"))
    assert titles(made(24, 32, 3, evidence=given).compare()) == ["before", "after"]
    assert titles(made(24, 32, evidence=None).compare()) == ["after"]


def test_a_figure_shows_itself(made):
    with Image.open(io.BytesIO(made(24, 32, 3).compare()._repr_png_())) as image:
        assert image.format == "PNG" and image.width > image.height


def test_a_restoration_shows_itself(fitted, made):
    html = fitted._repr_html_()
    assert html.count('src="data:image/png;base64,') == 2
    assert "before" in html and "dB" in html and "<script" not in html
    evil = made(24, 32, stop_reason="<script>alert(1)</script>")
    assert "<script" not in evil._repr_html_()


def test_pages_and_figures_open_no_window(tmp_path):
    code = (
        "import sys, keras_dip.report.figures, keras_dip.report; "
        "print('matplotlib.pyplot' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "False"], done.stderr
