"""The pictures of the pages are made by the commands that the pages show."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
LIMIT = 3_000_000  # bytes of all pictures

pytestmark = pytest.mark.skipif(not PICTURES.exists(), reason="needs the source tree")


@pytest.fixture(scope="module")
def make():
    return runpy.run_path(str(PICTURES / "make.py"))


@pytest.fixture(scope="module")
def pages():
    paths = sorted((ROOT / "docs").glob("*.md"))
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def _made(make):
    """Return the names of all pictures, each with the case that makes it."""
    return {
        f"{Path(file).stem}.webp": case
        for name, case in make["CASES"].items()
        for file in case.finished or (name,)
    }


def test_a_page_that_shows_a_picture_shows_its_commands(make, pages):
    lost = []
    for picture, case in _made(make).items():
        showing = [t for t in pages.values() if f"(pictures/{picture})" in t]
        ours = [c for c in case.commands if c.startswith("keras-dip")]
        if not any(all(f"\n{c}\n" in text for c in ours) for text in showing):
            lost.append(picture)
    assert lost == []


def test_all_pictures_are_made_and_none_is_large(make):
    files = {path.name: path.stat().st_size for path in PICTURES.glob("*.webp")}
    others = {path.stem for path in PICTURES.glob("*.py")} - {"make"}
    shots = {f"{name.replace('_', '-')}.webp" for name in others}
    assert set(files) == set(_made(make)) | shots
    assert sum(files.values()) < LIMIT


def test_damaged_files_are_the_same_each_time(make, tmp_path):
    case = make["CASES"]["denoise"]
    for folder in ("one", "two"):
        make["write_inputs"](case.inputs(), tmp_path / folder)
    one, two = ((tmp_path / f / "noisy.png").read_bytes() for f in ("one", "two"))
    assert one == two
    noisy, clean = (
        np.asarray(Image.open(tmp_path / "one" / f"{name}.png"), float)
        for name in ("noisy", "clean")
    )
    assert 20 < (noisy - clean).std() < 25  # 25 levels, less what was cut off


def test_the_sheet_has_titles_scores_and_pictures(make, tmp_path):
    case = make["CASES"]["denoise"]
    make["write_inputs"](case.inputs(), tmp_path)
    (tmp_path / "restored.png").write_bytes((tmp_path / "noisy.png").read_bytes())
    page = np.asarray(make["sheet"](case.columns, tmp_path))
    side = make["SIDE"]
    assert page.shape == (side + 18, 3 * side + 8, 3)
    clean = np.asarray(Image.open(tmp_path / "clean.png"))
    assert (page[18:, -side:] == clean).all()
    assert make["_scored"]("noisy dB", tmp_path, "noisy.png") == "noisy 21.1 dB"
