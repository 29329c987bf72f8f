"""What pages say of commands: their tables, their help, the files they name.

That the commands themselves work is in test_shell.py, and the Python beside them in
test_examples.py.
"""

import re
import runpy
from pathlib import Path

import pytest

from keras_dip import tasks
from keras_dip.cli import main

READ = runpy.run_path(str(Path(__file__).with_name("pages.py")))
ROOT, PAGES, SHELLS = READ["ROOT"], READ["PAGES"], READ["SHELLS"]

pytestmark = pytest.mark.skipif(len(PAGES) < 2, reason="needs the source tree")


def test_our_commands_are_in_blocks_of_the_shell():
    elsewhere = [
        f"{page.name}: {line}"
        for page in PAGES
        for language, text in READ["blocks"](page)
        if language not in SHELLS
        for line in text.splitlines()
        if line.removeprefix("$ ").startswith("keras-dip ")
    ]
    assert elsewhere == []


def test_the_table_of_networks_is_what_is_printed(capsys):
    page = ROOT / "docs" / "networks.md"
    (text,) = (text for name, text in READ["blocks"](page) if name == "console")
    ((_, *words),) = READ["steps"]("console", text)
    assert main(words) == 0
    assert capsys.readouterr().out == text.partition("\n")[2]


@pytest.mark.parametrize("verb", [[], *([verb] for verb in tasks.verbs())])
def test_help(verb, capsys):
    assert main([*verb, "--help"]) == 0
    assert "keras-dip" in capsys.readouterr().out


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
