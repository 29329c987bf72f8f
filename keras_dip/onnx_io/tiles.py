"""The graphs of a picture's tiles as one graph, or as a table and a file for each.

Each tile's picture is weighed, padded to the width of the picture and added to its row;
rows are weighed, padded to its height and added. onnxruntime computes them one after
the other, so that the whole needs little more memory than one tile and the picture.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from keras_dip.errors import ExportError, ImageError
from keras_dip.images import atomic_write
from keras_dip.onnx_io.metadata import HASHES, PREFIX
from keras_dip.onnx_io.table import OUTPUT, folder_of, hash_of, picture_of, tile_file
from keras_dip.onnx_io.verify import compare
from keras_dip.tiles import Tiling


def joined(models: Sequence[Any], tiling: Tiling, opset: int) -> Any:
    """Return one ONNX model of those of all tiles.

    Args:
        models: of the tiles in their order, each with an input `z` that has a default
            and an output `image` [1, h, w, C]. They are emptied on the way.
        tiling: where the tiles are.
        opset: version of the operators.
    """
    import onnx
    from onnx import TensorProto, compose, helper

    graph = onnx.GraphProto(name="tiles")
    rows, columns = tiling.weights()
    across = len(tiling.lefts)
    for number, model in enumerate(models):
        row, column = divmod(number, across)
        prefix = f"tile{number}/"
        tile = compose.add_prefix(model, prefix, inplace=True).graph
        channels = tile.output[0].type.tensor_type.shape.dim[-1].dim_value
        for kind in ("node", "initializer", "input", "value_info"):
            getattr(graph, kind).extend(getattr(tile, kind))
        strip = _Sum(graph, f"row{row}", axis=2, length=tiling.shape[1])
        strip.add(f"{prefix}image", columns[column], tiling.lefts, column)
        if column == across - 1:
            whole = _Sum(graph, "whole", axis=1, length=tiling.shape[0])
            whole.add(strip.name(column), rows[row], tiling.tops, row)
        model.Clear()
    _constant(graph, "low", np.zeros((), "float32"))
    _constant(graph, "high", np.ones((), "float32"))
    last = _Sum(graph, "whole", axis=1, length=tiling.shape[0]).name(
        len(tiling.tops) - 1
    )
    graph.node.append(helper.make_node("Clip", [last, "low", "high"], ["image"]))
    shape = (1, *tiling.shape, channels)
    graph.output.append(
        helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="keras_dip",
        ir_version=8,
    )


class _Sum:
    """Adds arrays that lie side by side on an axis, each weighed and padded."""

    def __init__(self, graph: Any, title: str, axis: int, length: int) -> None:
        self.graph, self.title, self.axis, self.length = graph, title, axis, length

    def name(self, index: int) -> str:
        """Return the name of the sum of the first arrays, up to one."""
        return f"{self.title}/sum{index}"

    def add(
        self, array: str, weights: np.ndarray, starts: Sequence[int], index: int
    ) -> None:
        """Add the array of an index, which begins at its start."""
        from onnx import helper

        own = f"{self.title}/{index}"
        shape = [1, 1, 1, 1]
        shape[self.axis] = len(weights)
        _constant(self.graph, f"{own}/weights", weights.reshape(shape))
        pads = np.zeros((2, 4), "int64")
        pads[0, self.axis] = starts[index]
        pads[1, self.axis] = self.length - starts[index] - len(weights)
        _constant(self.graph, f"{own}/pads", pads.ravel())
        weighed, padded = f"{own}/weighed", f"{own}/padded"
        first = index == 0
        nodes = [
            ("Mul", [array, f"{own}/weights"], weighed),
            ("Pad", [weighed, f"{own}/pads"], self.name(0) if first else padded),
        ]
        if not first:
            nodes.append(("Add", [self.name(index - 1), padded], self.name(index)))
        for kind, inputs, output in nodes:
            self.graph.node.append(helper.make_node(kind, inputs, [output]))


def _constant(graph: Any, name: str, value: np.ndarray) -> None:
    from onnx import numpy_helper

    graph.initializer.append(numpy_helper.from_array(value, name))


def add_metadata(model: Any, metadata: Mapping[str, str]) -> None:
    """Store texts in an ONNX model."""
    for key, text in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text


def write_table(
    path: Path,
    models: Sequence[Any],
    tiling: Tiling,
    image: np.ndarray,
    metadata: Mapping[str, str],
    opset: int,
    *,
    half: bool = False,
) -> None:
    """Write tiles and table, after comparing the picture.

    The tiles go into a new folder, which takes the place of an older one when all is
    proven. Who is killed between that and the table has new tiles beside an older
    table, which their hashes tell.

    Raises:
        ExportError: if they do not give the picture `image` [1, H, W, C], or the folder
            holds what is not ours.
        ImageError: if they cannot be written.
    """
    folder = folder_of(path)
    _check_folder(folder, path)
    new = _unused(folder)
    try:
        new.mkdir()
        hashes = _write_tiles(new, models)
        picture = picture_of(new, tiling, hashes)
        compare(picture[np.newaxis], image, half=half)
        table = _table(tiling, opset)
        add_metadata(table, {**metadata, PREFIX + HASHES: json.dumps(hashes)})
        with _in_place(new, folder):
            atomic_write(path, lambda file: file.write(table.SerializeToString()))
    except OSError as error:
        raise ImageError(
            f"Expected a writable folder for tiles. Received: {os.fspath(folder)!r} "
            f"({error.strerror or error})."
        ) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _unused(folder: Path) -> Path:
    """Return a name for a temporary folder beside another."""
    return folder.with_name(f".keras-dip-{secrets.token_hex(8)}.tmp")


@contextlib.contextmanager
def _in_place(new: Path, folder: Path) -> Iterator[None]:
    """Put a folder in the place of an older one; back if what follows fails."""
    old, had = _unused(folder), folder.exists()
    if had:
        os.replace(folder, old)
    try:
        os.replace(new, folder)
        yield
    except BaseException:
        if folder.exists():
            os.replace(folder, new)
        if had:
            os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _check_folder(folder: Path, path: Path) -> None:
    """Refuse a folder in the way that is not that of a table; ExportError."""
    if not os.path.lexists(folder):
        return
    is_own = folder.is_dir() and not folder.is_symlink()
    names = sorted(os.listdir(folder)) if is_own else [folder.name]
    foreign = [name for name in names if not re.fullmatch(r"\d{4,}\.onnx", name)]
    if foreign or (names and not path.exists()):
        raise ExportError(
            f"Expected no other files in {os.fspath(folder)!r}, where the tiles of "
            f"this picture go. Received: {(foreign or names)[0]!r}."
        )


def _write_tiles(folder: Path, models: Sequence[Any]) -> list[str]:
    """Write the file of each tile into a folder; return their hashes."""
    hashes = []
    for number, model in enumerate(models):
        content = model.SerializeToString()
        atomic_write(tile_file(folder, number), partial(_write, content))
        hashes.append(hash_of(content))
    return hashes


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def _table(tiling: Tiling, opset: int) -> Any:
    """Return the model of a table: a constant."""
    from onnx import TensorProto, helper, numpy_helper

    windows = [(w.top, w.left, w.height, w.width) for w in tiling.windows]
    value = numpy_helper.from_array(np.asarray(windows, "int64"), "windows")
    node = helper.make_node("Identity", ["windows"], [OUTPUT])
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.INT64, (len(windows), 4))
    graph = helper.make_graph([node], "table", [], [output], [value])
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="keras_dip",
        ir_version=8,
    )
