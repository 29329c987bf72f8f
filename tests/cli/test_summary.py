import io
import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from rich.text import Text

from keras_dip.cli.messages import Messages
from keras_dip.cli.summary import summarise

DENOISE = ("denoise", "in.png", "-o", "out.png")


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def restoration():
    return SimpleNamespace(
        image=np.full((4, 6, 3), 0.5, "float32"),
        settings={"members": 1},
        steps=70,
        best_step=50,
        seconds=65.0,
        compile_seconds=0.0,
        stopped_by="steps",
    )


@pytest.fixture
def terminals(monkeypatch):
    """Make all standard streams terminals; to be called in the test."""

    def open_terminals():
        streams = {name: Terminal() for name in ("stdin", "stdout", "stderr")}
        for name, stream in streams.items():
            monkeypatch.setattr(sys, name, stream)
        monkeypatch.setenv("TERM", "xterm")
        return streams

    return open_terminals


def test_a_person_gets_a_table(restoration, terminals):
    streams = terminals()
    summarise(restoration, 31.416, ["out.png", "out.onnx"], Messages())
    plain = Text.from_ansi(streams["stderr"].getvalue()).plain
    lines = [line.split() for line in plain.splitlines()]
    assert lines == [
        ["steps", "70"],
        ["time", "1:05"],
        ["best", "step", "50"],
        ["PSNR", "31.42", "dB"],
        ["wrote", "out.png"],
        ["out.onnx"],
    ]


def test_a_log_gets_a_line(restoration, capsys):
    summarise(restoration, 31.416, ["out.png"], Messages())
    assert capsys.readouterr().err == (
        "70 steps in 1:05, best step 50, PSNR 31.42 dB, wrote out.png\n"
    )


@pytest.mark.parametrize(
    ("compiling", "told"),
    [(20.4, "1:05 (0:20 of it to compile the step)"), (6.0, "1:05")],
)
def test_time_to_compile_is_told_apart(restoration, capsys, compiling, told):
    restoration.compile_seconds = compiling
    summarise(restoration, None, [], Messages())
    assert capsys.readouterr().err == f"70 steps in {told}, best step 50\n"


@pytest.mark.parametrize("found", ["SixelImage", "HalfcellImage", None])
def test_a_preview_where_the_terminal_can(restoration, terminals, monkeypatch, found):
    class Shown:
        def __init__(self, image, width):
            self.text = f"{found} {image.mode} {image.size} {width}"

        def __rich__(self):
            return self.text

    kinds = {name: type(name, (Shown,), {}) for name in KINDS}
    module = ModuleType("textual_image.renderable")
    vars(module).update(kinds, Image=kinds.get(found))
    package = ModuleType("textual_image")
    package.renderable = module
    monkeypatch.setitem(sys.modules, "textual_image", package if found else None)
    monkeypatch.setitem(sys.modules, "textual_image.renderable", module)
    streams = terminals()
    summarise(restoration, None, [], Messages())
    shown = Text.from_ansi(streams["stdout"].getvalue()).plain.rstrip()
    assert shown == ("SixelImage RGB (6, 4) 40" if found == "SixelImage" else "")


KINDS = ("TGPImage", "SixelImage", "HalfcellImage", "UnicodeImage")


def test_a_line_of_json_for_scripts(cli, prior, picture):
    picture()
    picture("gt.png")
    ran = cli(*DENOISE, "--reference", "gt.png", "--json", "-q")
    assert ran.code == 0
    (line,) = ran.out.splitlines()
    entry = json.loads(line)
    assert len(entry["sha256"]) == 64
    assert entry["input"] == "in.png" and entry["output"] == "out.png"
    assert (entry["result"], entry["steps"], entry["error"]) == ("done", 70, None)
    assert entry["psnr"] is None  # of equal pictures it has no end


def test_a_failure_is_a_line_of_json_too(cli, prior, folder):
    (folder / "in.png").write_bytes(b"no picture")
    ran = cli(*DENOISE, "--json")
    assert ran.code == 1
    entry = json.loads(ran.out)
    assert entry["result"] == "failed" and "'in.png'" in entry["error"]
    assert ran.err.endswith(entry["error"] + "\n")


def test_standard_output_is_for_one_thing(cli, prior, picture):
    picture()
    ran = cli("denoise", "in.png", "-o", "-", "--json")
    assert ran.code == 2 and "Received: -o -." in ran.err


def test_a_batch_prints_its_manifest(cli, prior, folder, picture, monkeypatch):
    from tests.cli.test_batch import Here

    monkeypatch.setattr("keras_dip.batch.local.LocalRunner", Here)
    (folder / "in").mkdir()
    picture("in/a.png")
    (folder / "in/b.png").write_bytes(b"no picture")
    ran = cli("batch", "denoise", "in", "-o", "out", "--json")
    assert ran.code == 1
    assert ran.out == (folder / "out/manifest.jsonl").read_bytes()
