import os
from importlib import import_module
from pathlib import Path

import pytest


@pytest.fixture
def jobs(monkeypatch):
    """The functions of batch_jobs.py, in a module that workers can import too."""
    here = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(here)
    monkeypatch.setenv("PYTHONPATH", here, prepend=os.pathsep)  # for those of Ray
    return import_module("batch_jobs")
