import runpy
from functools import partial
from pathlib import Path

import pytest


@pytest.fixture
def tiny():
    """What tiny.py defines: test folders are no packages to import from."""
    return runpy.run_path(str(Path(__file__).with_name("tiny.py")))


@pytest.fixture
def fields(tiny):
    """The metadata that `tiny_onnx` writes unless told otherwise."""
    return dict(tiny["FIELDS"])


@pytest.fixture
def tiny_onnx(tiny, tmp_path):
    """Write a small ONNX file like ours."""
    return partial(tiny["write"], tmp_path / "tiny.onnx")
