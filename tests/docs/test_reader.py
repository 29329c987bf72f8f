"""The reader that docs/onnx.md shows reads all kinds of files as `regenerate` does."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from keras_dip.onnx_io import metadata
from keras_dip.onnx_io.regenerate import regenerate
from keras_dip.onnx_io.tiles import write_table
from keras_dip.tiles import blend, tiling

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "onnx.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree")


@pytest.fixture(scope="module")
def reader():
    """Run the text of the page; return its names."""
    (text,) = re.findall(
        r"<!-- file: reader.py -->\n```python\n(.*?)```",
        PAGE.read_text(encoding="utf-8"),
        re.S,
    )
    names = {}
    exec(compile(text, PAGE.name, "exec"), names)
    return names


@pytest.fixture(scope="module")
def tiny():
    path = ROOT / "tests" / "onnx_io" / "tiny.py"
    spec = importlib.util.spec_from_file_location("tiny", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3), (3, 7, 6)])
def test_one_picture(shape, reader, tiny, tmp_path):
    codes = np.arange(np.prod(shape), dtype="uint8").reshape(1, *shape[:2], -1)
    path = tiny.write(tmp_path / "tiny.onnx", codes, shape=list(shape))
    picture = reader["read"](path)
    assert picture.shape == shape
    assert np.allclose(picture, codes.reshape(shape) / 255)


def test_a_table_of_tiles(reader, tiny, tmp_path):
    plan, rng = tiling((9, 21), 7, 3), np.random.default_rng(0)
    assert len(plan.tops) == 2 and len(plan.lefts) == 5
    # The tiles do not agree where they overlap, so that their weights count.
    parts = [rng.integers(0, 256, (1, *plan.side, 3), "uint8") for _ in plan.windows]
    image = blend([part[0] / np.float32(255) for part in parts], plan)
    tiles = [onnx.load(tiny.write(tmp_path / "tile.onnx", part)) for part in parts]
    told = {"side": plan.side, "tops": plan.tops, "lefts": plan.lefts}
    texts = tiny.FIELDS | {"shape": [9, 21, 3], "settings": {"tiles": told}}
    path = tmp_path / "large.onnx"
    write_table(path, tiles, plan, image[None], metadata.encode(texts), 17)
    picture = reader["read"](path)
    assert picture.shape == (9, 21, 3)
    assert np.abs(picture - image).max() < 1e-6
    assert np.abs(picture - regenerate(path)).max() < 1e-6


def test_another_file_is_refused(reader, tiny, tmp_path):
    path = tiny.write(tmp_path / "other.onnx", texts={"author": "somebody"})
    with pytest.raises(ValueError, match="is not a file of format 1"):
        reader["read"](path)


def test_the_page_names_every_key():
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"`keras_dip\.(\w+)`", text)) >= metadata.FIELDS
