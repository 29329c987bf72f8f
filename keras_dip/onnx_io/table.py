"""A picture whose tiles are too many for one ONNX file: a table, and a file for each.

`NAME.onnx` then holds the metadata and, as its only output `tiles`, the windows
[n, 4] (top, left, height, width); the tiles are `NAME.tiles/0000.onnx` and so on, each
with the graph of a picture of its own. `regenerate` and `info` read both. Reading needs
numpy and onnxruntime alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_dip.errors import KerasDipError
from keras_dip.tiles import Tiling, blend

OUTPUT = "tiles"


def tile_file(path: Path, number: int) -> Path:
    """Return the file of a tile, beside that of its picture."""
    return path.with_suffix(".tiles") / f"{number:04d}.onnx"


def picture_of(
    path: Path, tiling: Tiling, run: Callable[[Path], np.ndarray]
) -> np.ndarray:
    """Return the picture [H, W, C] of a table's tiles.

    Args:
        path: of the table.
        tiling: where its tiles are.
        run: gives the picture [1, h, w, C] of a tile's file.
    """

    def each() -> Iterator[np.ndarray]:
        for number in range(len(tiling.windows)):
            yield run(tile_file(path, number))[0]

    return blend(each(), tiling).clip(0.0, 1.0)


def tiling_of(fields: Mapping[str, Any]) -> Tiling:
    """Return where the tiles of a file are, by its metadata.

    Raises:
        KerasDipError: if it does not say, or nonsense.
    """
    try:
        told, (height, width) = fields["settings"]["tiles"], fields["shape"][:2]
        tops, lefts, side = (
            tuple(int(x) for x in told[k]) for k in ("tops", "lefts", "side")
        )
        tiling = Tiling((int(height), int(width)), (side[0], side[1]), tops, lefts)
        ends = (tops[-1] + side[0], lefts[-1] + side[1])
        is_sound = ends == tiling.shape and tops[0] == lefts[0] == 0
        is_sound &= all(
            0 < b - a <= s
            for starts, s in zip((tops, lefts), side, strict=True)
            for a, b in itertools.pairwise(starts)
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise KerasDipError(
            f"Expected a table of tiles. Received: {error!r}."
        ) from None
    if not is_sound:
        raise KerasDipError(
            "Expected tiles that cover the picture. "
            f"Received: {told} for {height} x {width} (height x width)."
        )
    return tiling
