"""Every command of the README and of docs/ is one that works as it stands.

Three ways, by what a command costs:

- All lines in `sh` and `console` blocks that begin with keras-dip are parsed in full:
  the verb, each option, the type of each value, what is required. Commands within
  sentences and tables are parsed as far as they are complete.
- Restorations of single pictures are run from end to end with small files, but for the
  fit: a stand-in gives a flat picture of the shape that the task restores. So inputs
  are read, masks and models checked, outputs written.
- What is quick is run as it is: `networks`, whose output is compared with the page, and
  the quick start's restoration with what follows from its ONNX file.

Only parsed are evaluate, bench, experiment, batch, resume and demo: they have tests of
their own, and `.ci/run` runs demo.
"""

import re
import runpy
import shlex
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
from PIL import Image

import keras_dip
from keras_dip import images, tasks
from keras_dip.cli import main
from keras_dip.cli.app import app
from keras_dip.cli.messages import Messages

ROOT = Path(__file__).parents[2]
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.exists() and path.name != "changelog.md"
]
SHELL = ("sh", "console")
OF_AN_EXAMPLE = "fade"  # the verb that docs/writing-a-task.md adds

pytestmark = pytest.mark.skipif(len(PAGES) < 2, reason="needs the source tree")


def _blocks(page):
    """Return language and text of each fenced block of a page."""
    return re.findall(r"^```(\S*)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)


def _fenced(page):
    """Return the commands of a page's shell blocks, in their order."""
    return [
        line.removeprefix("$ ").strip()
        for language, text in _blocks(page)
        if language in SHELL
        for line in text.splitlines()
        if line.removeprefix("$ ").startswith("keras-dip ")
    ]


def _in_sentences(page):
    """Return the commands in backticks, but for those with places to be filled."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    found = re.findall(r"`(keras-dip [^`]+)`", text)
    return [line for line in found if "..." not in line and "…" not in line]


def _all(commands):
    """Return page and command for each command, once."""
    lines = {(line, page.name): None for page in PAGES for line in commands(page)}
    return [pytest.param(line, id=f"{name}: {line}") for line, name in lines]


def _words(line):
    return shlex.split(line, comments=True)[1:]


def _command_of(words):
    """Return the command that words call, its context's parent, and its arguments."""
    parent = click.Context(app, obj=Messages())
    command = app
    while isinstance(command, click.Group) and not words[0].startswith("-"):
        command = command.get_command(parent, words[0])
        assert command is not None, f"no verb {words[0]}"
        parent, words = click.Context(command, parent=parent, obj=parent.obj), words[1:]
        if not words:
            break
    return command, parent, words


def _parsed(line):
    """Return the context of a command: what each of its parameters got."""
    command, parent, words = _command_of(_words(line))
    try:
        return command.make_context(command.name, list(words), parent=parent)
    except click.exceptions.Exit as ended:  # --help and --version
        assert ended.exit_code == 0
        return None


def test_our_commands_are_in_blocks_of_the_shell():
    elsewhere = [
        f"{page.name}: {line}"
        for page in PAGES
        for language, text in _blocks(page)
        if language not in (*SHELL, "bat")
        for line in text.splitlines()
        if line.removeprefix("$ ").startswith("keras-dip ")
    ]
    assert elsewhere == []
    assert len(_all(_fenced)) > 50


@pytest.mark.parametrize("line", _all(_fenced))
def test_it_is_parsed(line, capsys):
    _parsed(line)


@pytest.mark.parametrize("line", _all(_in_sentences))
def test_its_verb_and_options_exist(line):
    words = _words(line)
    if words[0] == OF_AN_EXAMPLE or words[0].isupper():
        pytest.skip("stands for a verb")
    command, parent, words = _command_of([word for word in words if word != "TASK"])
    if words:
        context = click.Context(command, parent=parent, obj=parent.obj)
        command.make_parser(context).parse_args(list(words))


# The files that a command reads, by the parameter that names them.


def _picture(path, *, grey=False):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), "uint8")
    pixels[0, 0] = (255, 0, 255)  # the colour that is painted over what is missing
    Image.fromarray(pixels[..., 0] if grey else pixels).save(path)


def _mask(path):
    Image.fromarray(np.arange(24 * 32).reshape(24, 32) % 3 > 0).save(path)


def _point(path):
    pixels = np.zeros((5, 5), "uint8")
    pixels[1:4, 1:4] = 80
    Image.fromarray(pixels).save(path)


def _damage(path):
    """Write the degradations that docs/restore.md shows."""
    (text,) = (t for lang, t in _blocks(ROOT / "docs/restore.md") if lang == "toml")
    path.write_text(text)
    _mask(path.with_name("known.png"))


def _classifier(path):
    import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((24, 32, 3))])
    model.add(layers.Conv2D(4, 3, name="conv3"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(8, name="logits"))
    model.save(path)


WRITERS = {
    "source": _picture,
    "mask": _mask,
    "psf": _point,
    "flash": _picture,
    "degradation": _damage,
    "model": _classifier,
    "reference": _picture,
}
OUTPUTS = ("output", "onnx", "keras", "uncertainty", "snapshots")


@pytest.fixture
def no_fit(monkeypatch):
    """Put a stand-in in the place of the fit, behind the checks of its arguments."""
    from keras_dip.prior import DeepImagePrior

    conftest = runpy.run_path(str(ROOT / "tests" / "cli" / "conftest.py"))

    class StandIn(DeepImagePrior):
        def fit(self, img, **rest):
            picture, _ = images.as_picture(img)
            shape = self.task.prepare(picture).shape
            image = np.full(shape, 0.5, "float32")
            self.restoration = conftest["FakeRestoration"](
                image=image[..., 0] if shape[2] == 1 and np.ndim(img) == 2 else image,
                settings={"preset": self.preset, "members": 1},
                steps=75,
                best_step=50,
                seconds=5.0,
                uncertainty=image,
                snapshots={s: SimpleNamespace(criterion=s / 4) for s in (25, 50, 75)},
                stopped_by="steps",
                stop_reason="It was no fit.",
            )
            return self.restoration

    monkeypatch.setattr("keras_dip.prior.DeepImagePrior", StandIn)


@pytest.mark.parametrize(
    "line",
    [
        parameter
        for parameter in _all(_fenced)
        if _words(parameter.values[0])[0] in tasks.verbs()
    ],
)
def test_a_restoration_reads_and_writes_its_files(
    line, no_fit, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    context = _parsed(line)
    given = {name: value for name, value in context.params.items() if value}
    for name, write in WRITERS.items():
        if name in given:
            write(Path(given[name]))
    if context.info_name == "demosaic":
        _picture(Path(given["source"]), grey=True)
    assert main(_words(line)) == 0, capsys.readouterr().err
    for name in OUTPUTS:
        if name in given:
            assert Path(given[name]).exists()
    assert images.read(given["output"])[0].size


def test_the_first_restoration_and_its_file(tmp_path, monkeypatch, capsys):
    verbs = ("denoise", "info", "regenerate")
    lines, in_readme = (
        [next(x for x in _fenced(page) if _words(x)[0] == verb) for verb in verbs]
        for page in (ROOT / "docs" / "quick-start.md", ROOT / "README.md")
    )
    assert [_words(x) for x in lines] == [_words(x) for x in in_readme]
    assert "--onnx" in lines[0]
    monkeypatch.chdir(tmp_path)
    _picture(Path("noisy.png"))
    for line in lines:
        assert main(_words(line)) == 0, capsys.readouterr().err
    assert "denoise" in capsys.readouterr().out
    clean, again = (np.asarray(Image.open(f"{n}.png"), int) for n in ("clean", "again"))
    assert np.abs(clean - again).max() <= 1


def test_the_table_of_networks_is_what_is_printed(capsys):
    page = ROOT / "docs" / "networks.md"
    (text,) = (text for language, text in _blocks(page) if language == "console")
    command, _, printed = text.partition("\n")
    assert main(_words(command.removeprefix("$ "))) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("verb", [[], *([verb] for verb in tasks.verbs())])
def test_help(verb, capsys):
    assert main([*verb, "--help"]) == 0
    assert "keras-dip" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("page", "text"),
    [
        pytest.param(page, text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, (language, text) in enumerate(_blocks(page))
        if language == "python"
    ],
)
def test_python_compiles_and_imports_what_there_is(page, text):
    compile(text, page.name, "exec")
    for names in re.findall(r"^from keras_dip import (.*)$", text, re.M):
        for name in names.split(", "):
            assert hasattr(keras_dip, name)


def test_tests_that_pages_name_are_there():
    missing = [
        f"{page.name}: {path}"
        for page in PAGES
        for path in re.findall(
            r"\b((?:tests|docs)/[\w/-]+\.py)", page.read_text("utf-8")
        )
        if not (ROOT / path).exists()
    ]
    assert missing == []
