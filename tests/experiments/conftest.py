"""Small studies: a picture, a setup, and a fit that is made up."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from keras_dip.experiments import Fit, Setup


@pytest.fixture
def setup(scene):
    """Make a setup of three steps on a picture of 32x32 pixels."""

    def make(colours=3, **changes):
        return Setup(scene(32, 32, colours), **{"steps": 3, "channels": 4, **changes})

    return make


@pytest.fixture
def made_up():
    """Make a fit with so many reports, whose loss falls by halves."""

    def make(name, image, reports=3, stopped_by="steps", **extra):
        step = 25 * np.arange(1, reports + 1)
        history = {
            "step": step,
            "loss": 0.5 ** np.arange(1.0, reports + 1),
            "psnr": 20 + np.sin(step / 50),
        }
        return Fit(name, image, history, 10, 1.0, stopped_by, {"steps": 75}, extra)

    return make


@pytest.fixture
def fitted(monkeypatch):
    """Put a fake in the place of the fit: it brightens the picture and remembers."""
    made, ends = [], {}

    class FakePrior:
        def __init__(self, task, **arguments):
            self.task, self.arguments = task, arguments
            made.append(self)

        def fit(self, picture, *, reference=None):
            self.picture, self.reference = picture, reference
            stopped_by, reports = ends.get(len(made), ("steps", 2))
            history = {
                "step": np.arange(1, reports + 1) * 25,
                "loss": np.full(reports, 0.1),
            }
            # A better picture the later it is asked for.
            share = min(len(made) / 10, 1)
            target = picture if reference is None else reference
            network = SimpleNamespace(trainable_variables=[np.zeros((2, 3))])
            return SimpleNamespace(
                image=(picture * (1 - share) + target * share).astype("float32"),
                history=history,
                seconds=1.0,
                stopped_by=stopped_by,
                settings={"versions": {"keras": "3"}},
                source=SimpleNamespace(network=network),
            )

    module = ModuleType("keras_dip.prior")
    module.DeepImagePrior = FakePrior
    monkeypatch.setitem(sys.modules, "keras_dip.prior", module)
    return SimpleNamespace(made=made, ends=ends)
