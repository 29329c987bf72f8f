"""Every command that a page tells a reader to type does what the page promises.

Each block of shell lines is run in an empty folder, line by line, in this process, and
so is each command within a sentence that is complete. Fits are short (`short_fits`);
`shell.py` makes the files that commands read, knows what each has to write, and lists
the few commands that are not run, each with the reason.
"""

import os
import re
import runpy
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
PAGES = runpy.run_path(str(HERE / "pages.py"))
SHELL = runpy.run_path(str(HERE / "shell.py"))
SIDE = 32  # of the pictures that demo, bench and experiment bring along

pytestmark = pytest.mark.skipif(len(PAGES["PAGES"]) < 2, reason="needs the tree")


def _blocks():
    """Return the steps of each shell block, once."""
    found = {}
    for page in PAGES["PAGES"]:
        for number, (language, text) in enumerate(PAGES["blocks"](page)):
            if language in PAGES["SHELLS"]:
                steps = PAGES["steps"](language, text)
                found.setdefault(str(steps), (steps, f"{page.name}-{number}"))
    return list(found.values())


def _mentioned():
    """Return the commands in sentences, once, that no block has; and their pages."""
    shown = [words for steps, _ in _blocks() for words in steps]
    found = {}
    for page in PAGES["PAGES"]:
        for words in PAGES["in_sentences"](page):
            if words not in shown:
                found.setdefault(" ".join(words), (words, page.name))
    return list(found.values())


def _is_complete(words):
    """Return whether nothing that the command needs is left out."""
    if SHELL["why_not"](words):
        return False
    try:
        SHELL["parsed"](words)
    except click.MissingParameter:
        return False
    except click.UsageError as error:  # a group without its command
        if "Missing command" in error.message or isinstance(error, _NO_ARGS):
            return False
        raise
    return True


_NO_ARGS = click.exceptions.NoArgsIsHelpError


class Here:
    """Stands for the workers of a batch: does their work in this process."""

    slots = 1

    def __init__(self, work, *others, **options):
        self.work = work

    def run(self, jobs):
        from keras_dip.batch.local import Ended

        for job in jobs:
            yield Ended(job, self.work(job))


def _small_benchmarks(monkeypatch):
    """Let the benchmarks take a small picture, few steps and the processor."""
    from keras_dip import benchmark, gpu_benchmark

    for module in (benchmark, gpu_benchmark):

        def measure(sizes, device=None, *, real=module.measure, **given):
            assert device in (None, "cpu", "gpu")
            return real([SIDE], device="cpu", **{**given, "count": 2})

        monkeypatch.setattr(module, "measure", measure)
    # Processes of their own, which know of no short fits.
    monkeypatch.setattr(benchmark, "plain_seconds", lambda *_: 1.0)
    monkeypatch.setattr(benchmark, "command_seconds", lambda *_: 1.0)
    monkeypatch.setattr(gpu_benchmark, "SIDE", {"cpu": SIDE})
    monkeypatch.setattr(gpu_benchmark, "PEAK_SECONDS", 0.001)
    monkeypatch.setattr(gpu_benchmark, "MOST_PICTURES", 1)


def _small_studies(monkeypatch):
    """Let studies take a small picture and few channels."""
    from keras_dip import experiments
    from keras_dip.experiments import pictures

    natural, run = pictures.natural, experiments.run
    monkeypatch.setattr(pictures, "natural", lambda one, _: natural(one, SIDE))
    monkeypatch.setattr(
        experiments, "run", lambda name, setup: run(name, replace(setup, channels=4))
    )


@pytest.fixture
def shell(short_fits, tmp_path, capsys, monkeypatch):
    """A shell in an empty folder, whose commands take small pictures and few steps."""
    import keras

    from keras_dip.cli.commands import demo, ui

    def one_epoch(self, *data, **given):
        return keras.Model.fit(self, *data, **{**given, "epochs": 1})

    _small_benchmarks(monkeypatch)
    _small_studies(monkeypatch)
    monkeypatch.setattr(demo, "SIDE", SIDE)
    # The classifier of docs/pictures/make.py, which is trained to be looked into.
    monkeypatch.setattr(keras.Sequential, "fit", one_epoch)
    monkeypatch.setattr("keras_dip.batch.local.LocalRunner", Here)
    monkeypatch.setattr("keras_dip.batch.cluster.RayRunner", Here)
    # gradio is no part of the tests; tests/browser/test_live_page.py opens the page.
    server = ModuleType("keras_dip.cli.ui.server")
    server.serve = lambda *, port, **_: print("served at", port)
    monkeypatch.setitem(sys.modules, server.__name__, server)
    monkeypatch.setattr(ui, "find_spec", lambda name: name)
    return SHELL["Shell"](tmp_path, capsys, short_fits)


@pytest.mark.parametrize(
    "steps", [pytest.param(steps, id=name) for steps, name in _blocks()]
)
def test_a_block(steps, shell):
    for words in steps:
        shell.run(words)


@pytest.mark.parametrize(
    "words", [pytest.param(w, id=f"{name}: {' '.join(w)}") for w, name in _mentioned()]
)
def test_a_command_in_a_sentence(words, shell):
    if SHELL["why_not"](words):
        return
    if _is_complete(words):
        shell.run(words)
        return
    command, context, arguments = SHELL["command_of"](words)
    command.make_parser(context).parse_args(list(arguments))  # its options exist


def test_all_pages_have_commands():
    ours = [w for steps, _ in _blocks() for w in steps if PAGES["is_ours"](w)]
    assert len(ours) > 70
    assert len([w for w, _ in _mentioned() if _is_complete(w)]) > 15


def test_what_is_not_run_is_still_on_a_page():
    shown = [words for steps, _ in _blocks() for words in steps]
    shown += [words for words, _ in _mentioned()]
    lines = [" ".join(words) for words in shown]
    lost = [
        pattern
        for pattern in SHELL["NOT_RUN"]
        if not any(re.fullmatch(pattern, line) for line in lines)
    ]
    assert lost == []


def test_readme_and_quick_start_make_a_picture_and_have_it_again(shell):
    verbs = ("denoise", "info", "regenerate")
    of_pages = [
        [words for steps, _ in _steps_of(name) for words in steps]
        for name in ("README.md", "quick-start.md")
    ]
    lines, in_readme = (
        [next(words for words in steps if words[1:2] == [verb]) for verb in verbs]
        for steps in of_pages
    )
    assert lines == in_readme and "--onnx" in lines[0]
    for words in lines:
        shell.run(words)
    clean, again = (
        np.asarray(Image.open(shell.folder / f"{name}.png"), int)
        for name in ("clean", "again")
    )
    assert np.abs(clean - again).max() <= 1


def _steps_of(name):
    (page,) = (page for page in PAGES["PAGES"] if page.name == name)
    return [
        (PAGES["steps"](language, text), name)
        for language, text in PAGES["blocks"](page)
        if language in PAGES["SHELLS"]
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("keras-dip denoise noisy.png -o clean.txt", "clean.txt"),
        ("keras-dip denoise noisy.png -o clean.png --members 0", "x>=1"),
        ("keras-dip batch denoise photos -o clean --ray", "argument"),
        ("keras-dip paint noisy.png -o clean.png", "no verb paint"),
        ("keras-dip regenerate clean.onnx", "output"),
        ("cargo test", "no way to run"),
        ("cd nowhere", "nowhere"),
    ],
)
def test_a_command_that_does_not_work_is_found(line, message, shell):
    (words,) = PAGES["steps"]("sh", line)
    with pytest.raises((AssertionError, click.UsageError, OSError), match=message):
        shell.run(words)


def test_a_command_that_does_not_write_what_it_promises_is_found(shell, monkeypatch):
    monkeypatch.setitem(SHELL["Shell"]._run_ours.__globals__, "main", lambda _: 0)
    (words,) = PAGES["steps"]("sh", "keras-dip denoise noisy.png -o clean.png")
    with pytest.raises(AssertionError, match="wrote no"):
        shell.run(words)


def test_what_a_line_sets_in_the_environment_is_set(shell, monkeypatch):
    seen = []
    monkeypatch.setitem(
        SHELL["Shell"]._run_ours.__globals__,
        "main",
        lambda _: seen.append([os.environ.get(name) for name in ("DIP_A", "DIP_B")]),
    )
    for line in ("export DIP_A=1", "DIP_B=2 keras-dip networks", "keras-dip networks"):
        (words,) = PAGES["steps"]("sh", line)
        with suppress(AssertionError):
            shell.run(words)
    assert seen == [["1", "2"], ["1", None]]
    assert "DIP_A" not in os.environ


def test_lines_are_read_as_shells_read_them():
    steps = PAGES["steps"]
    assert steps("sh", "a -b 'c # d' && e   # now\n\n# nothing\nf") == [
        ["a", "-b", "c # d"],
        ["e"],
        ["f"],
    ]
    assert steps("sh", "keras-dip x  # then: keras-dip y z") == [
        ["keras-dip", "x"],
        ["keras-dip", "y", "z"],
    ]
    assert steps("console", "$ a b\nprinted") == [["a", "b"]]
    assert steps("bat", r"py -m v && v\Scripts\keras-dip d") == [
        ["py", "-m", "v"],
        ["v/Scripts/keras-dip", "d"],
    ]
