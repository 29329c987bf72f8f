"""The network and the stopping rules that docs/own-parts.md shows work as it says."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from keras_dip import DeepImagePrior, stopping
from keras_dip.onnx_io.regenerate import regenerate

PAGE = Path(__file__).parents[2] / "docs" / "own-parts.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree")


def _names(file):
    """Run a text of the page; return what it defines."""
    (text,) = re.findall(
        rf"<!-- file: {file} -->\n```python\n(.*?)```",
        PAGE.read_text(encoding="utf-8"),
        re.S,
    )
    names = {"__name__": file}
    exec(compile(text, PAGE.name, "exec"), names)
    return names


@pytest.fixture(scope="module")
def noisy(scene):
    return scene(24, 32, 3, noise=0.1)


def test_the_network(noisy, scene, tmp_path):
    build = _names("dilated.py")["build_dilated"]
    prior = DeepImagePrior(network=build, steps=75, stop="none")
    restoration = prior.fit(noisy)
    clean = scene(24, 32, 3)
    assert np.abs(restoration.image - clean).mean() < np.abs(noisy - clean).mean()
    restoration.export(tmp_path / "dilated.onnx")
    again = regenerate(tmp_path / "dilated.onnx")
    assert np.abs(again - restoration.image).max() < 1e-3
    one, two, other = (
        build((8, 8), input_channels=2, output_channels=3, seed=seed, dtype="float32")
        for seed in (1, 1, 2)
    )
    kernels = [model.get_weights()[0] for model in (one, two, other)]
    assert (kernels[0] == kernels[1]).all()
    assert (kernels[0] != kernels[2]).any()


def test_the_callback(noisy, small_skip):
    still = _names("still.py")["StopWhenStill"]
    restoration = DeepImagePrior(
        network=small_skip, steps=200, stop="none", callbacks=[still(1.0)]
    ).fit(noisy)
    assert restoration.stopped_by == "callback"
    assert restoration.steps == restoration.best_step == 50  # the second report


def test_the_rule(noisy, small_skip, monkeypatch):
    rule = _names("whiteness.py")["Whiteness"]
    monkeypatch.setitem(stopping._RULES, "whiteness", rule)
    monkeypatch.setattr("keras_dip.stopping.NAMES", (*stopping.NAMES, "whiteness"))
    monkeypatch.setattr("keras_dip.prior.NAMES", stopping.NAMES)
    prior = DeepImagePrior(network=small_skip, steps=100, stop="whiteness")
    restoration = prior.fit(noisy)
    curve = restoration.history["criterion"]
    assert len(curve) == 4
    assert np.isfinite(curve).all()
    assert restoration.best_step == restoration.history["step"][np.argmin(curve)]


def test_the_program_of_the_operator_page(scene, small_skip, tmp_path, monkeypatch):
    make = runpy.run_path(str(PAGE.parent / "pictures" / "make.py"))
    files = make["CASES"]["operator"].inputs()
    make["write_inputs"](files, tmp_path)
    monkeypatch.chdir(tmp_path)
    # All but the fit with its thousand steps, which is the last line.
    *program, fit = files["frames.py"].strip().splitlines()
    assert fit == (
        'DeepImagePrior(task, seed=0).fit(first).save("restored.png", force=True)'
    )
    names = {}
    exec("\n".join(program), names)
    observed = names["frames"](files["clean.png"][np.newaxis])
    for number, frame in enumerate(observed, 1):
        assert np.abs(frame[0] * 255 - files[f"frame{number}.png"]).max() < 0.51
    prior = DeepImagePrior(names["task"], network=small_skip, steps=1)
    assert prior.fit(names["first"]).image.shape == (160, 160, 3)
