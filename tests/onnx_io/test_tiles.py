"""A table of tiles and the files beside it, with small graphs in place of networks."""

import numpy as np
import onnx
import pytest

from keras_dip.errors import ExportError
from keras_dip.onnx_io.metadata import encode
from keras_dip.onnx_io.regenerate import regenerate
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
