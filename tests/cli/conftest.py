import io
import os
import runpy
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_dip import images
from keras_dip.batch.machine import NO_GPU
from keras_dip.cli import main
from keras_dip.images.convert import to_unit


class FakeRestoration(SimpleNamespace):
    """What a fit returns; its ONNX file is a few bytes, its iterates get darker."""

    def save(self, path, *, force=False):
        images.write(self.image, path, force=force)

    def at(self, step):
        return SimpleNamespace(image=self.image * np.float32(step / 100))

    def report(self, path, *, title=None, command=None, onnx=None, force=False):
        Path(path).write_text(f"{title}\n{command}\n{onnx}\n", encoding="utf-8")

    def export(self, path, *, half=False, force=False):
        Path(path).write_bytes(b"half" if half else b"full")


class FakePrior:
    """Stands for DeepImagePrior: no network, and an ending that the test chooses."""

    made: list["FakePrior"]  # fresh for each test
    stopped_by = "steps"
    error: BaseException | None = None  # what fit raises
    keeps_restoration = True  # although fit raises
    warning: str | None = None
    uncertainty = None

    def __init__(self, task, *, callbacks=(), **settings):
        self.task, self.settings = task, settings
        self.callbacks = callbacks
        self.restoration = None
        self.made.append(self)

    def fit(self, img, *, reference=None, warm_start=None, checkpoint=None):
        self.img, self.reference = img, reference
        self.warm_start, self.checkpoint = warm_start, checkpoint
        print("chatter of a library on standard output")
        if self.warning:
            import warnings

            warnings.warn(self.warning, UserWarning, stacklevel=1)
        for callback in self.callbacks:
            callback.run()
        if self.error and not self.keeps_restoration:
            raise self.error
        factor = getattr(self.task, "factor", 1)
        floats = to_unit(img)
        if self.task.takes_alpha:
            floats = floats[..., :-1]
        self.restoration = FakeRestoration(
            image=floats.repeat(factor, 0).repeat(factor, 1),
            settings={"preset": "fast", "members": self.settings.get("members", 1)},
            steps=70,
            best_step=50,
            seconds=5.0,
            compile_seconds=0.5,
            uncertainty=self.uncertainty,
            snapshots={
                step: SimpleNamespace(criterion=step / 4) for step in (25, 50, 70)
            },
            stopped_by=self.stopped_by,
            stop_reason=f"The fit ended by {self.stopped_by}.",
        )
        if self.error:
            raise self.error
        return self.restoration


class FakeCallback:
    """Stands for ProgressCallback: three reports."""

    def __init__(self, display, *, every_call):
        assert every_call
        self.display = display

    def run(self):
        self.display.start(100)
        for step in (1, 50, 70):
            self.display.update(step, {"loss": 0.5 / step, "seconds": step / 10})
        self.display.stop()


@pytest.fixture
def prior(monkeypatch):
    """Put the fake in the place of the fit; return its class for this test."""
    fake = type("Fake", (FakePrior,), {"made": []})
    for name, content in {
        "keras_dip.prior": {"DeepImagePrior": fake},
        "keras_dip.progress": {"ProgressCallback": FakeCallback},
    }.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    return fake


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(folder, capsysbinary):
    """Run the command; return its exit code, standard output and standard error."""

    def run(*args):
        code = main([str(arg) for arg in args])
        out, err = capsysbinary.readouterr()
        return SimpleNamespace(code=code, out=out, err=err.decode())

    return run


@pytest.fixture
def picture(folder):
    """Write a random picture of a shape and type; return its pixels."""

    def write(name="in.png", shape=(6, 8, 3), dtype="uint8", **settings):
        highest = np.iinfo(dtype).max
        generator = np.random.default_rng(5)
        pixels = generator.integers(0, highest, shape, dtype, endpoint=True)
        Image.fromarray(pixels).save(folder / name, **settings)
        return pixels

    return write


@pytest.fixture
def pixels(folder):
    """Read the pixels of a file."""
    return lambda name: np.asarray(Image.open(folder / name))


@pytest.fixture
def standard_input(monkeypatch):
    """Put bytes on standard input."""

    def put(data):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


@pytest.fixture
def tiny_onnx(folder):
    """Write a small ONNX file like ours."""
    tiny = Path(__file__).parents[1] / "onnx_io" / "tiny.py"
    write = runpy.run_path(os.fspath(tiny))["write"]
    return partial(write, folder / "tiny.onnx")


@pytest.fixture
def gpus_seen(monkeypatch):
    """Give a function that tells whether commands in this process may see the GPUs."""
    for name in NO_GPU:
        monkeypatch.setenv(name, "all")  # and puts back what was there
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    return lambda: {name: os.environ[name] for name in NO_GPU} != NO_GPU
