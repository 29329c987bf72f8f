"""A table of tiles and the files beside it, with small graphs in place of networks."""

import json
import shutil

import numpy as np
import onnx
import pytest

from keras_dip.errors import ExportError, ImageError, KerasDipError
from keras_dip.onnx_io import tiles
from keras_dip.onnx_io.metadata import HASHES, PREFIX, encode
from keras_dip.onnx_io.regenerate import info, regenerate
from keras_dip.onnx_io.tiles import write_table
from keras_dip.tiles import Tiling, blend

TILING = Tiling((4, 8), (4, 5), (0,), (0, 3))


@pytest.fixture
def table(tiny, tmp_path):
    """Write a table of two tiles of random codes; return its file and its picture."""

    def put(name="a.onnx", *, seed=0, error=0.0, **options):
        codes = np.random.default_rng(seed).integers(0, 256, (2, 1, 4, 5, 3), "uint8")
        parts = []
        for tile in codes:
            parts.append(onnx.load(tiny["write"](tmp_path / "part.onnx", tile)))
        (tmp_path / "part.onnx").unlink()
        image = blend(codes[:, 0] / np.float32(255), TILING)
        told = {"side": [4, 5], "tops": [0], "lefts": [0, 3]}
        settings = {**tiny["FIELDS"]["settings"], "tiles": told}
        fields = tiny["FIELDS"] | {"shape": [4, 8, 3], "settings": settings}
        expected = (image + np.float32(error))[np.newaxis]
        path = tmp_path / name
        write_table(path, parts, TILING, expected, encode(fields), 17, **options)
        return path, image

    return put


def test_the_table_gives_the_picture(table):
    path, image = table()
    np.testing.assert_allclose(regenerate(path), image, atol=1e-6)


def test_halved_weights_may_differ_as_much_as_in_one_file(table):
    table(half=True, error=1.5e-3)
    with pytest.raises(ExportError, match=r"within 0\.001"):
        table("b.onnx", error=1.5e-3)
    with pytest.raises(ExportError, match=r"within 0\.00784"):
        table("c.onnx", half=True, error=9e-3)


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def fails(*_):
    raise ImageError("no space left")


@pytest.mark.parametrize("problem", ["another picture", "a full disk"])
def test_an_older_table_stays_whole_when_the_new_one_fails(
    table, tmp_path, monkeypatch, problem
):
    path, image = table()
    before = contents(tmp_path)
    if problem == "a full disk":  # met when the tiles are in their place
        write = tiles.atomic_write
        monkeypatch.setattr(
            tiles, "atomic_write", lambda p, w: (fails if p == path else write)(p, w)
        )
    with pytest.raises((ExportError, ImageError)):
        table(seed=1, error=0.0 if problem == "a full disk" else 0.5)
    assert contents(tmp_path) == before
    np.testing.assert_allclose(regenerate(path), image, atol=1e-6)


def test_a_new_table_replaces_the_older_one(table, tmp_path):
    table()
    path, image = table(seed=1)
    np.testing.assert_allclose(regenerate(path), image, atol=1e-6)
    names = sorted(contents(tmp_path))
    assert names == ["0000.onnx", "0001.onnx", "a.onnx"]


@pytest.mark.parametrize("use", [regenerate, info])
def test_tiles_of_another_table_are_refused(table, tmp_path, use):
    path, _ = table()
    table("b.onnx", seed=1)
    shutil.copy(tmp_path / "b.tiles" / "0000.onnx", tmp_path / "a.tiles")
    with pytest.raises(KerasDipError, match=r"0000\.onnx', which is another"):
        use(path)


@pytest.mark.parametrize("use", [regenerate, info])
@pytest.mark.parametrize("hashes", [None, ["x"], "ab", 7, [None, 3]])
def test_hashes_that_are_none(table, use, hashes):
    path, _ = table()
    model = onnx.load(path)
    texts = {entry.key: entry.value for entry in model.metadata_props}
    texts[PREFIX + HASHES] = json.dumps(hashes)
    if hashes is None:
        del texts[PREFIX + HASHES]
    onnx.helper.set_model_props(model, texts)
    onnx.save(model, path)
    with pytest.raises(KerasDipError, match="Expected"):
        use(path)


@pytest.mark.parametrize("name", ["mine.onnx", "0007.onnx"])
def test_files_of_others_in_the_folder_are_left_alone(table, tmp_path, name):
    (tmp_path / "a.tiles").mkdir()
    (tmp_path / "a.tiles" / name).write_bytes(b"mine")
    with pytest.raises(ExportError, match=rf"no other files in .*'{name}'"):
        table()
    assert contents(tmp_path) == {name: b"mine"}


def test_a_table_of_more_tiles_than_files(table, tmp_path):
    path, _ = table()
    model = onnx.load(path)
    texts = {entry.key: entry.value for entry in model.metadata_props}
    settings = json.loads(texts[PREFIX + "settings"])
    count = 4000
    settings["tiles"] = {k: list(range(count)) for k in ("tops", "lefts")}
    settings["tiles"]["side"] = [1, 1]
    texts[PREFIX + "settings"] = json.dumps(settings)
    texts[PREFIX + "shape"] = json.dumps([count, count, 3])
    onnx.helper.set_model_props(model, texts)
    onnx.save(model, path)
    for use in (regenerate, info):
        with pytest.raises(KerasDipError, match="Expected 16000000 hashes"):
            use(path)
