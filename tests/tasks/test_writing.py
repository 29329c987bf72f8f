"""The task that docs/writing-a-task.md shows works as it says."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from keras import ops

import keras_dip
from keras_dip import DeepImagePrior, tasks
from keras_dip.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-task.md"


@pytest.fixture
def fade(tmp_path, monkeypatch):
    """Put the file of the page among the tasks."""
    if not PAGE.exists():
        pytest.skip("docs/ is not part of this distribution")
    (text,) = re.findall(
        r"<!-- file: fade.py -->\n```python\n(.*?)```", PAGE.read_text(), re.S
    )
    (tmp_path / "fade.py").write_text(text)
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    spec = importlib.util.spec_from_file_location(
        "keras_dip.tasks.fade", tmp_path / "fade.py"
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "keras_dip.tasks.fade", module)
    spec.loader.exec_module(module)
    tasks._modules.cache_clear()
    yield module
    tasks._modules.cache_clear()
    vars(keras_dip).pop("Fade", None)


def test_it_has_a_verb_and_a_public_name(fade, capsys):
    assert "fade" in tasks.names()
    assert keras_dip.Fade is fade.Fade
    assert main(["fade", "--help"]) == 0
    assert "How much is left of the colours." in capsys.readouterr().out


def test_it_restores(fade, scene, small_skip):
    clean = scene(32, 32, 3)
    task = fade.Fade(0.3)
    faded = ops.convert_to_numpy(task.degrade(clean[np.newaxis]))[0]
    image = DeepImagePrior(task, network=small_skip, steps=100).fit(faded).image
    assert np.abs(image - clean).mean() < 0.6 * np.abs(faded - clean).mean()
    with pytest.raises(ValueError, match="strength as a number above 0 and at most 1"):
        fade.Fade(2)
