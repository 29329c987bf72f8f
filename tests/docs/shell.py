"""A shell that runs what pages tell a reader to type, with files like the reader's.

`Shell(...).run(words)` runs one command in this process and checks that it ends well
and has written what it promises. Files that it reads and that no command before it has
written are made first.
"""

import json
import os
import re
import runpy
import shutil
import sys
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from unittest import mock

import click
import numpy as np
from PIL import Image

from keras_dip import experiments, images, tasks
from keras_dip.cli import INTERRUPTED, main
from keras_dip.cli.app import app
from keras_dip.cli.messages import Messages

PAGES = runpy.run_path(str(Path(__file__).with_name("pages.py")))
ROOT, blocks, is_ours = PAGES["ROOT"], PAGES["blocks"], PAGES["is_ours"]

NOT_RUN = {
    r"(python3|py) -m venv \.venv": ".ci/run makes an environment so",
    r"\S*pip install .*": ".ci/run installs; no test uses the network",
    r"\. \.venv/bin/activate": "changes the shell alone",
    r"\S*pytest": "is what runs this test",
    r"KERAS_BACKEND=jax pytest .*": "half an hour, under JAX",
    r"KERAS_DIP_FUZZ_SECONDS=\d+ pytest -s -m fuzz tests/fuzz": "minutes",
    r"python docs/pictures/make\.py": "minutes: all pictures, with whole fits",
    r"keras-dip fade --help": "tests/tasks/test_writing.py adds that verb and asks it",
}
"""Commands that are not run, as patterns, each with the reason."""


def why_not(words):
    """Return the pattern by which a command is not run; None if it is."""
    line = " ".join(words)
    return next((p for p in NOT_RUN if re.fullmatch(p, line)), None)


def command_of(words):
    """Return the command that words call, its context's parent, and its arguments."""
    parent = click.Context(app, obj=Messages())
    command, words = app, words[1:]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        verb = command.get_command(parent, words[0])
        assert verb is not None, f"no verb {words[0]}"
        command, words = verb, words[1:]
        parent = click.Context(command, parent=parent, obj=parent.obj)
    return command, parent, words


def parsed(words):
    """Return the context of a command, with what each of its parameters got.

    None if it is one that only prints, as --help does.
    """
    command, parent, arguments = command_of(words)
    try:
        return command.make_context(command.name, list(arguments), parent=parent.parent)
    except click.exceptions.Exit as ended:
        assert ended.exit_code == 0
        return None


# The files that commands read.


def picture(path, *, grey=False, side=32):
    """Write a picture of 24x32 pixels, or so many times larger."""
    shape = (side * 3 // 4, side, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    pixels[0, 0] = (255, 0, 255)  # the colour that is painted over what is missing
    Image.fromarray(pixels[..., 0] if grey else pixels).save(path)


def mask(path):
    """Write a mask of the picture's size: white is known."""
    Image.fromarray(np.arange(24 * 32).reshape(24, 32) % 3 > 0).save(path)


def point(path):
    """Write a PSF."""
    pixels = np.zeros((5, 5), "uint8")
    pixels[1:4, 1:4] = 80
    Image.fromarray(pixels).save(path)


def damage(path):
    """Write the degradations that docs/restore.md shows, and the mask they name."""
    (text,) = (t for name, t in blocks(ROOT / "docs/restore.md") if name == "toml")
    path.write_text(text, "utf-8")
    mask(path.with_name("known.png"))


def classifier(path):
    """Write a network of the layers that the pages name."""
    import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((24, 32, 3))])
    model.add(layers.Conv2D(4, 3, name="conv3"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(8, name="logits"))
    model.save(path)


WRITERS = {
    "source": picture,
    "mask": mask,
    "psf": point,
    "flash": picture,
    "degradation": damage,
    "model": classifier,
    "reference": picture,
}
"""What writes the file that a parameter of a restoration names."""

OF_A_BATCH = ("a.png", "b.png")


class Shell:
    """A shell in a folder.

    Args:
        folder: where it begins.
        capture: pytest's, of what is printed.
        limit: that of `short_fits`.
    """

    def __init__(self, folder, capture, limit):
        self.folder, self.capture, self.limit = folder, capture, limit
        self.environment = {}
        self.wrote = set()

    def run(self, words):
        """Run a command; AssertionError unless it does what it promises.

        What it sets in the environment is set; but Keras has its backend by then, which
        for another one is a matter of tests/jax.
        """
        if why_not(words):
            return
        if words[0] == "export":
            self.environment |= _settings(words[1:])
            return
        here = _settings(words)
        words = words[len(here) :]
        environment = mock.patch.dict(os.environ, {**self.environment, **here})
        with environment, _inside(self.folder):
            if is_ours(words):
                self._run_ours(words)
            elif words[0] == "cd":
                self.folder = (self.folder / words[1]).resolve(strict=True)
            elif words[:2] == ["python", "docs/pictures/make.py"]:
                with mock.patch.object(sys, "argv", words[1:]):
                    runpy.run_path(str(ROOT / words[1]), run_name="__main__")
            else:
                raise AssertionError(f"no way to run {words}, and no reason not to")

    def _run_ours(self, words):
        context = parsed(words)
        promised = []
        if context is not None:
            given = {k: v for k, v in context.params.items() if v not in (None, ())}
            assert words[1] in _OF_VERBS, f"no files are known for {words[1]}"
            command = _OF_VERBS[words[1]](self, context.info_name, given)
            # Lines of a block can be alternatives, which a reader runs instead.
            for path in self.wrote.intersection(command.promises()):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            command.prepare()
            promised = command.promises()
        printed = self._call(words)
        for path in promised:
            assert path.exists(), f"{words} wrote no {path}"
            assert any(path.iterdir()) if path.is_dir() else path.stat().st_size
            self.wrote.add(path)
        if context is None:
            assert "keras-dip" in printed
        else:
            command.check(printed)

    def _call(self, words):
        """Return what the command prints; it has to end well."""
        self.capture.readouterr()
        code = main(words[1:])
        printed, errors = self.capture.readouterr()
        assert code == 0, f"{words}: {code} {errors}"
        return printed

    def prepare(self, *words):
        """Run a command that a reader has run before."""
        self._run_ours(["keras-dip", *words])

    def interrupted(self, *words):
        """Run a command up to its first report, where Ctrl-C is pressed."""
        from keras_dip.progress import ProgressCallback

        class CutOff(ProgressCallback):
            def on_epoch_end(self, epoch, logs=None):
                raise KeyboardInterrupt

        with mock.patch("keras_dip.progress.ProgressCallback", CutOff):
            assert main([*words]) == INTERRUPTED, self.capture.readouterr().err


def _settings(words):
    """Return the variables that words begin to set, NAME=VALUE each."""
    found = takewhile(bool, (re.fullmatch(r"(\w+)=(.*)", w) for w in words))
    return {match[1]: match[2] for match in found}


@contextmanager
def _inside(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class Verb:
    """A command: what has to be there before it, what after it."""

    def __init__(self, shell, name, given):
        self.shell, self.name, self.given = shell, name, given

    def path(self, parameter):
        """Return the absolute path that a parameter has got."""
        return self.shell.folder / self.given[parameter]

    def prepare(self):
        """Write the files that it reads."""

    def promises(self):
        """Return the paths of what it writes."""
        return []

    def check(self, printed):
        """Look at what it has written and printed."""
        assert printed.strip()


class Restoration(Verb):
    """A task's verb."""

    def prepare(self):
        for parameter, write in WRITERS.items():
            if parameter in self.given and not self.path(parameter).exists():
                is_grey = parameter == "source" and self.name == "demosaic"
                write(self.path(parameter), **({"grey": True} if is_grey else {}))
        start = self.given.get("warm_start")
        if start and not self.path("warm_start").exists():
            source = self.given["source"]
            self.shell.prepare(self.name, source, "-o", "before.png", "--keras", start)

    def promises(self):
        outputs = ("output", "onnx", "keras", "report", "uncertainty", "snapshots")
        return [self.path(name) for name in outputs if name in self.given]

    def check(self, printed):
        source, restored = (
            images.read(self.path(name))[0] for name in ("source", "output")
        )
        factor = self.given.get("factor", 1)
        if "degradation" not in self.given:
            height, width = source.shape[:2]
            assert restored.shape[:2] == (factor * height, factor * width)
        assert self.name != "demosaic" or restored.ndim == 3
        if "report" in self.given:
            page = self.path("report").read_text("utf-8")
            assert "<html" in page and self.given["source"] in page
        if "checkpoint" in self.given:
            assert not self.path("checkpoint").exists()


class Resume(Verb):
    """keras-dip resume."""

    BEFORE = ("denoise", "in.png", "-o", "out.png")

    def prepare(self):
        from keras_dip.fitting import REPORT_INTERVAL

        shell, (_, source, _, output) = self.shell, self.BEFORE
        self.steps = shell.limit.steps
        shell.limit.steps = REPORT_INTERVAL + 1  # so that there is a rest to resume
        if not (shell.folder / source).exists():
            picture(shell.folder / source)
        (shell.folder / output).unlink(missing_ok=True)
        shell.interrupted(*self.BEFORE, "--checkpoint", self.given["folder"])
        assert (self.path("folder") / "member-0.npz").exists()
        (shell.folder / output).unlink(missing_ok=True)

    def promises(self):
        return [self.shell.folder / self.BEFORE[-1]]

    def check(self, printed):
        self.shell.limit.steps = self.steps
        assert not self.path("folder").exists()


class OfAFile(Verb):
    """What reads an ONNX file: info and regenerate."""

    def prepare(self):
        if not self.path("file").exists():
            name = self.given["file"]
            picture(self.shell.folder / "in.png")
            self.shell.prepare("denoise", "in.png", "-o", "in2.png", "--onnx", name)

    def promises(self):
        return [self.path("output")] if "output" in self.given else []

    def check(self, printed):
        if "output" in self.given:
            assert images.read(self.path("output"))[0].shape == (24, 32, 3)
        else:
            assert "denoise" in printed and "32x24" in printed


class Batch(Verb):
    """keras-dip batch, in this process in place of its workers."""

    def prepare(self):
        folders = [n for n in WRITERS if n in self.given and n != "source"]
        for source in map(self.shell.folder.joinpath, self.given["sources"]):
            if source.suffix == ".csv":
                extra = {"super-resolve": ("factor", "2")}.get(self.name)
                assert extra, f"no list is known for {self.name}"
                rows = [("input", extra[0]), *((n, extra[1]) for n in OF_A_BATCH)]
                source.write_text("".join(f"{a},{b}\n" for a, b in rows))
                source = source.parent
            self._fill(source, picture)
        for name in folders:
            self._fill(self.path(name), WRITERS[name])

    @staticmethod
    def _fill(folder, write):
        folder.mkdir(exist_ok=True)
        for name in OF_A_BATCH:
            if not (folder / name).exists():
                write(folder / name)

    def promises(self):
        output = self.path("output")
        return [output, *(output / name for name in OF_A_BATCH)]

    def check(self, printed):
        lines = (self.path("output") / "manifest.jsonl").read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        assert [entry["output"] for entry in entries] == list(OF_A_BATCH)
        for entry in entries:
            assert entry["result"] == "done", entry
            assert (entry["psnr"] is not None) == ("reference" in self.given)


class Evaluate(Verb):
    """keras-dip evaluate."""

    def prepare(self):
        folder = self.path("folder")
        folder.mkdir(exist_ok=True)
        clean = "one.png" if "degradation" in self.given else "one_GT.png"
        picture(folder / clean, side=128)
        if "degradation" not in self.given:
            picture(folder / "one_damaged.png", side=128)
        if self.given.get("task") == "inpaint":
            known = np.arange(96 * 128).reshape(96, 128) % 3 > 0
            Image.fromarray(known).save(folder / "one_mask.png")

    def promises(self):
        return [self.path(name) for name in ("save", "output") if name in self.given]

    def check(self, printed):
        (row,) = (line for line in printed.splitlines() if line.startswith("one"))
        assert len(re.findall(r"\d+\.\d", row)) >= 3


class Bench(Verb):
    """keras-dip bench."""

    def promises(self):
        return [self.path("output")] if "output" in self.given else []


class Experiment(Verb):
    """keras-dip experiment."""

    def prepare(self):
        if "picture" in self.given:
            picture(self.path("picture"), side=64)

    def promises(self):
        files = experiments.study(self.given["name"]).files
        return [self.path("folder") / file for file in files]

    def check(self, printed):
        assert printed == ""


class Demo(Verb):
    """keras-dip demo."""

    def promises(self):
        files = ("demo.html", "demo.onnx", "demo_clean.png", "demo_noisy.png")
        return [self.path("folder") / f for f in (*files, "demo_restored.png")]

    def check(self, printed):
        assert printed == ""


_OF_VERBS = {
    **dict.fromkeys(("info", "regenerate"), OfAFile),
    **dict.fromkeys(("networks", "ui"), Verb),
    "batch": Batch,
    "bench": Bench,
    "demo": Demo,
    "evaluate": Evaluate,
    "experiment": Experiment,
    "resume": Resume,
    **dict.fromkeys(tasks.verbs(), Restoration),
}
