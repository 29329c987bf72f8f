from importlib import import_module
from pathlib import Path

import pytest


@pytest.fixture
def jobs(monkeypatch):
    """The functions of batch_jobs.py, in a module that workers can import too."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return import_module("batch_jobs")
