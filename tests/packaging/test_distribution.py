"""What a wheel and a source archive hold, compared with the tree."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

import keras_dip

ROOT = Path(__file__).parents[2]
ROOMS = {"keras_dip": "keras_dip", "cli": "keras_dip/cli", "models": "keras_dip/models"}
"""The folders of the tree that are packages, and where they are imported."""
LINKS = ("cli", "models")

pytestmark = pytest.mark.skipif(
    not (ROOT / "setup.cfg").exists(), reason="needs the source tree"
)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both from a copy of the tree, so that no old build/ is mixed in."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for room in ROOMS:
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tree / room, symlinks=True, ignore=unwanted)
    # The wheel is built from the source archive, which has to be complete for that.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return tree / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    (path,) = dist.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_wheel_holds_every_module_of_the_tree_once_and_nothing_else(wheel):
    expected = [
        str(PurePosixPath(package, file))
        for room, package in ROOMS.items()
        for file in _files_of(room)
    ]
    packed = [n for n in wheel.namelist() if ".dist-info/" not in n]
    assert sorted(packed) == sorted(expected)


def test_source_archive_holds_no_module_twice(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = [
            PurePosixPath(n).relative_to(path.name[:-7]) for n in archive.getnames()
        ]
    packed = sorted(str(n) for n in names if n.suffix == ".py")
    in_tree = [f"{r}/{f}" for r in ROOMS for f in _files_of(r) if f.suffix == ".py"]
    assert packed == sorted(in_tree)


def test_wheel_declares_the_command_line(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "keras-dip = keras_dip.cli:main" in wheel.read(name).decode()


def test_wheel_carries_licence_and_readme(wheel, metadata):
    (name,) = (n for n in wheel.namelist() if n.endswith("/LICENSE"))
    assert "Apache License" in wheel.read(name).decode()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert (
        str(metadata.get_payload()).strip()
        == (ROOT / "README.md").read_text(encoding="utf-8").strip()
    )


def test_wheel_has_the_version_of_the_package_and_of_the_changelog(metadata):
    assert metadata["Version"] == keras_dip.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = next(line for line in changelog.splitlines() if line.startswith("## "))
    assert newest.split()[1] == keras_dip.__version__


@pytest.mark.skipif(os.name == "nt", reason="git on Windows may check out no links")
def test_links_show_the_rooms_inside_the_package():
    for link in LINKS:
        assert (ROOT / "keras_dip" / link).readlink() == Path("..", link)


def _files_of(room: str) -> list[Path]:
    """Return the files of a folder, relative to it, without its links and caches."""
    files = [
        Path(folder, name).relative_to(ROOT / room)
        for folder, _, names in os.walk(ROOT / room)
        for name in names
    ]
    return [f for f in files if "__pycache__" not in f.parts and str(f) not in LINKS]
