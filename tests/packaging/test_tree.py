"""What the files of the repository say about themselves and about machines."""

import fnmatch
import os
import re
import shlex
from pathlib import Path

import click
import pytest

import keras_dip
from keras_dip.cli.app import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Put together here, so that this file does not name what it looks for.
MACHINE_PATHS = re.compile("|".join(f"/{top}/" for top in ("home", "work", "root")))


def test_no_file_names_a_path_of_one_machine():
    naming = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in _text_files()
        for line in path.read_text(encoding="utf-8").splitlines()
        if MACHINE_PATHS.search(line)
    ]
    assert naming == []


@pytest.mark.parametrize("number", range(len(re.findall("```python", README))))
def test_python_of_the_readme_compiles(number):
    compile(_blocks("python")[number], f"README.md, block {number}", "exec")


def test_readme_imports_public_names():
    (names,) = re.findall(r"^from keras_dip import (.*)$", README, flags=re.MULTILINE)
    assert set(names.split(", ")) <= set(keras_dip.__all__)


@pytest.mark.parametrize("line", re.findall(r"^keras-dip .*$", README, flags=re.M))
def test_command_of_the_readme_is_one_of_ours(line):
    verb, *arguments = shlex.split(line, comments=True)[1:]
    context = click.Context(app)
    command = app.get_command(context, verb)
    assert command is not None
    command.make_parser(context).parse_args(arguments)  # raises on an unknown option


def test_links_of_the_documentation_lead_to_files():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if not target.startswith("https://") and not (page.parent / target).exists()
    ]
    assert missing == []


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.M | re.S)


def _text_files() -> list[Path]:
    """Return the files that git would keep, as far as they are text."""
    ignored = [".git"]
    for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            ignored.append(line.rstrip("/"))
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if not _matches(f, ignored)]
        found += [Path(folder, n) for n in names if not _matches(n, ignored)]
    return [path for path in found if _is_text(path)]


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _is_text(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True
