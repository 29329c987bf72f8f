"""A picture whose tiles are too many for one ONNX file: a table, and a file for each.

`NAME.onnx` then holds the metadata and, as its only output `tiles`, the windows
[n, 4] (top, left, height, width); the tiles are `NAME.tiles/0000.onnx` and so on, each
with the graph of a picture of its own. `regenerate` and `info` read both. Reading needs
numpy and onnxruntime alone. The metadata has the SHA-256 of each tile's file, so that
no table gives a picture of the tiles of another.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_dip.errors import KerasDipError
from keras_dip.onnx_io.metadata import HASHES
from keras_dip.onnx_io.session import content_of, run
from keras_dip.tiles import Tiling, blend

OUTPUT = "tiles"


def folder_of(path: Path) -> Path:
    """Return the folder of a table's tiles, beside the table."""
    return path.with_suffix(".tiles")


def tile_file(folder: Path, number: int) -> Path:
    """Return the file of a tile in its folder."""
    return folder / f"{number:04d}.onnx"


def tile_content(file: Path, expected: str) -> bytes:
    """Return the content of a tile's file, if it has the hash that is expected.

    Raises:
        KerasDipError: if it is missing, or another.
    """
    content = content_of(file)
    if hash_of(content) != expected:
        raise KerasDipError(
            f"Expected the tile that the table was written with. "
            f"Received: {os.fspath(file)!r}, which is another, or damaged."
        )
    return content


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of a tile's file."""
    return hashlib.sha256(content).hexdigest()


def hashes_of(fields: Mapping[str, Any], tiling: Tiling) -> list[str]:
    """Return the hash of each tile's file, by the metadata of a table.

    Raises:
        KerasDipError: if there is not one for each.
    """
    hashes: list[str] = fields.get(HASHES, [])
    count = len(tiling.tops) * len(tiling.lefts)
    if len(hashes) != count:
        raise KerasDipError(
            f"Expected {count} hashes, one for each tile. Received: {len(hashes)}."
        )
    return hashes


def picture_of(
    folder: Path,
    tiling: Tiling,
    hashes: Sequence[str],
) -> np.ndarray:
    """Return the picture [H, W, C] of a table's tiles.

    Args:
        folder: of the tiles.
        tiling: where its tiles are.
        hashes: of the file of each.

    Raises:
        KerasDipError: if a file is missing, or is another than that of the table.
    """

    def each() -> Iterator[np.ndarray]:
        for number, expected in enumerate(hashes):
            file = tile_file(folder, number)
            yield run(tile_content(file, expected), file, math.prod(tiling.side))[0]

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
