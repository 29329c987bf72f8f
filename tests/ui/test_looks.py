"""What is shown: escaped words, pictures as they are, the step that is kept."""

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_dip.cli.ui import looks
from keras_dip.cli.ui.job import State

RESTORED = SimpleNamespace(
    steps=70, seconds=65.0, best_step=50, stop_reason="It was <enough>."
)


def shown(html):
    data = re.search('base64,([^"]+)"', html)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((6, 8), (6, 8)),
        ((6, 8, 1), (6, 8)),
        ((6, 8, 2), (6, 8)),
        ((6, 8, 3), (6, 8, 3)),
        ((6, 8, 7), (6, 8, 3)),
        ((2, 2048), (1, 1024)),
    ],
)
def test_pictures_of_any_shape_are_shown(shape, expected):
    pixels = shown(looks.figure(np.full(shape, 0.5), "a picture"))
    assert pixels.shape == expected
    assert abs(int(pixels.flat[0]) - 128) <= 2


def test_no_picture_is_said_in_words():
    html = looks.figure(None, "Nothing <yet>")
    assert "Nothing &lt;yet&gt;" in html and "<img" not in html


def test_what_is_transparent_is_grey():
    alpha = np.array([[1.0, 0.0]])
    np.testing.assert_allclose(looks.opaque(np.ones((1, 2)), alpha), [[1, 0.5]])
    colours = looks.opaque(np.ones((1, 2, 3)), alpha)
    np.testing.assert_allclose(colours[0, 1], 0.5)
    picture = np.ones((1, 2))
    assert looks.opaque(picture, None) is picture


def test_both_sides_have_the_size_of_the_result():
    before, after = looks.side_by_side(np.ones((4, 6)), np.zeros((8, 12, 3)))
    assert before.size == after.size == (12, 8)
    assert before.mode == after.mode == "RGB"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State(), "Preparing"),
        (State("waiting", before=1), "one fit comes first"),
        (State("waiting", before=2), "2 fits come first"),
        (
            State("fitting", step=25, total=400, seconds=61),
            "step 25 of at most 400, 1:01",
        ),
        (
            State("fitting", step=25, total=400, place="tile 2 of 6"),
            "tile 2 of 6, step 25",
        ),
        (State("finishing", step=25, total=400), "after step 25"),
        (State("restored", restoration=RESTORED), "Writing files"),
        (State("done", restoration=RESTORED), "70 steps in 1:05. It was &lt;enough"),
        (State("failed", error="Expected <b>."), "Expected &lt;b&gt;."),
        (State("done", restoration=RESTORED, notes=("no <file>",)), "no &lt;file&gt;"),
    ],
)
def test_the_status_says_what_is_going_on(state, words):
    html = looks.status(state)
    assert words in html
    assert ("<progress" in html) == (
        state.phase in ("waiting", "preparing", "fitting", "finishing")
    )


def test_curves_appear_with_the_second_report_and_mark_the_kept_step():
    first, second, third = (25, 0.3, None), (50, 0.1, 0.2), (75, 0.001, 0.1)
    assert looks.curves(State(curves=(first,))) == ""
    early = looks.curves(State(curves=(first, (50, 0.1, None))))
    assert early.count("<svg") == 1 and "Loss" in early and "kept" not in early
    late = looks.curves(State(curves=(first, second, third), restoration=RESTORED))
    assert late.count("<svg") == 2
    assert late.count("(step 50 kept)") == 2
    assert "http-equiv" not in late and "<script" not in late


@pytest.mark.parametrize(("size", "words"), [(10, "1 kB"), (5.46e6, "5.5 MB")])
def test_sizes_are_told_as_people_read_them(size, words):
    assert looks.size_in_words(size) == words
