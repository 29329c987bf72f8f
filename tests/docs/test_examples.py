"""The Python of the pages runs as it stands.

All blocks of a page are run in their order, with the names that a reader has by then:
what the page defines, and pictures by the names that it calls them. Fits are short
(`short_fits`); the pictures, the network files and the tables are real.
"""

import dataclasses
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

READ = runpy.run_path(str(Path(__file__).with_name("pages.py")))
PAGES = [
    (page, [text for name, text in READ["blocks"](page) if name == "python"])
    for page in READ["PAGES"]
]
WRITTEN = re.compile(r"\.(?:save|export|report)\(\"([^\"]+)\"")
"""Calls that write a file, and its name."""

pytestmark = pytest.mark.skipif(len(PAGES) < 2, reason="needs the source tree")


@pytest.fixture
def fits(short_fits, monkeypatch):
    """Note what the fits of a page return."""
    from keras_dip import DeepImagePrior

    done, fit = [], DeepImagePrior.fit

    def noted(self, *given, **named):
        done.append(fit(self, *given, **named))
        return done[-1]

    monkeypatch.setattr(DeepImagePrior, "fit", noted)
    return done


@pytest.fixture
def names(scene, tmp_path, monkeypatch):
    """What a reader has before a page begins; also the files in the folder."""
    from keras import ops

    from keras_dip import DeepImagePrior

    monkeypatch.chdir(tmp_path)
    picture = scene(24, 32, 3, noise=0.1)
    pixels = (picture * 255).astype("uint8")
    for name in ("noisy.png", "small.png", "blocky.jpg"):
        Image.fromarray(pixels).save(name)
    for number in (1, 2, 3, 4):
        Image.fromarray(pixels).save(f"frame{number}.png")
    psf = np.zeros((5, 5))
    psf[1:4, 1:4] = 1 / 9
    pictures = ("noisy", "small", "picture", "photo", "blurred", "dim", "flash")
    return {
        "__name__": "example",
        "DeepImagePrior": DeepImagePrior,
        "dataclasses": dataclasses,
        "ops": ops,
        **dict.fromkeys((*pictures, "clean", "crop"), picture),
        "array": pixels,
        "mosaic": picture[..., 0],
        "mask": picture[..., 0] > 0.3,
        "psf": psf,
        "window": Window(),
    }


class Window:
    """Stands for a window of the reader's program."""

    def __init__(self):
        self.drawn = []

    def draw(self, picture):
        self.drawn.append(picture)


def _run(page, text, names):
    """Run a block; return what it has defined."""
    exec(compile(text, page, "exec"), names)


@pytest.mark.parametrize(
    ("page", "texts"),
    [pytest.param(p.name, texts, id=p.name) for p, texts in PAGES if texts],
)
def test_a_page(page, texts, names, fits, short_fits):
    for step in re.findall(r"\.at\((\d+)\)", "".join(texts)):
        short_fits.steps = max(short_fits.steps, int(step))
    if '"restored.onnx"' in "".join(texts):
        names["DeepImagePrior"]().fit(names["noisy"]).export("restored.onnx")
    window = names["window"]
    before = sorted(Path().iterdir())
    for text in texts:
        _run(page, text, names)
        for name in WRITTEN.findall(text):
            assert Path(name).stat().st_size and Path(name) not in before
    for restoration in fits:
        image = restoration.image
        assert image.dtype == "float32"
        assert image.min() >= 0 and image.max() <= 1
    assert len(fits) >= sum(text.count(".fit(") for text in texts)
    if any("window.draw" in text for text in texts):
        assert window.drawn[-1].shape == (24, 32, 3)


@pytest.mark.parametrize(
    "text",
    [
        "from keras_dip import Repair",
        "DeepImagePrior('denoise').fit(of_no_page)",
        "DeepImagePrior('denoise', stages=3)",
    ],
)
def test_an_example_that_does_not_work_is_found(text, names):
    with pytest.raises((ImportError, NameError, TypeError)):
        _run("page", text, names)


def test_all_pages_have_examples():
    assert len([page for page, texts in PAGES if texts]) > 15
