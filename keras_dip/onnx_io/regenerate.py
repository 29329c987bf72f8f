"""Give the picture of an ONNX file again, with numpy and onnxruntime only.

The file holds the network and its input z: running it without any input is the whole
of it. Feeding another z shows what the fitted network makes of that.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from keras_dip.errors import KerasDipError
from keras_dip.images.limits import check_pixels
from keras_dip.onnx_io import table
from keras_dip.onnx_io.metadata import decode
from keras_dip.onnx_io.session import content_of, described, run, unusable

OUTPUT = "image"


def regenerate(
    path: str | os.PathLike[str], *, z: np.ndarray | None = None
) -> np.ndarray:
    """Return the picture that an ONNX file stands for.

    Args:
        path: A file written by `Restoration.export` or `keras-dip --onnx`.
        z: Another input in place of the stored one, of its shape and dtype (`info`
            tells both).

    Returns:
        float32 in [0, 1], [H, W] or [H, W, C] as the restored picture was.

    Raises:
        KerasDipError: If the file is not one of ours or cannot be run, or z does not
            fit it.
    """
    content, session, fields = _open(path)
    feeds = {}
    if z is not None and fields["settings"].get("tiles"):
        raise KerasDipError(
            "Expected a file without tiles for another z. Received: one."
        )
    if z is not None:
        shape, dtype = _z_type(session)
        if list(z.shape) != shape or z.dtype.name != dtype:
            raise KerasDipError(
                f"Expected z of shape {shape} and dtype {dtype}. "
                f"Received: shape {list(z.shape)}, dtype {z.dtype.name}."
            )
        feeds["z"] = z
    try:
        if _outputs(session) == [table.OUTPUT]:
            tiles = table.tiling_of(fields)
            hashes = table.hashes_of(fields, tiles)
            folder = table.folder_of(Path(path))
            image = table.picture_of(folder, tiles, hashes)
        else:
            image = run(content, path, math.prod(fields["shape"][:2]), feeds)
        picture: np.ndarray = image.reshape(fields["shape"])
    except KerasDipError:
        raise
    except Exception as error:
        raise unusable(path, "cannot be run", error) from error
    return picture


def info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what an ONNX file says about its restoration.

    Returns:
        The fields of `keras_dip.onnx_io.metadata`, and `z_shape`, `z_dtype`,
        `image_shape` (as the graph has it, [1, H, W, C]) and `file_size` (bytes).

    Raises:
        KerasDipError: If the file is not one of ours.
    """
    content, session, fields = _open(path)
    size, shape = len(content), fields["shape"]
    if _outputs(session) == [table.OUTPUT]:
        hashes = table.hashes_of(fields, table.tiling_of(fields))
        folder = table.folder_of(Path(path))
        files = [table.tile_file(folder, number) for number in range(len(hashes))]
        session = described(table.tile_content(files[0], hashes[0]), files[0])
        size += sum(file.stat().st_size for file in files if file.is_file())
    z_shape, z_dtype = _z_type(session)
    return {
        **fields,
        "z_shape": z_shape,
        "z_dtype": z_dtype,
        "image_shape": [1, *shape[:2], shape[2] if len(shape) == 3 else 1],
        "file_size": size,
    }


def _open(path: str | os.PathLike[str]) -> tuple[bytes, Any, dict[str, Any]]:
    """Return the content of a file, a session that describes it, and its metadata."""
    if not Path(path).is_file():
        what = "a folder" if Path(path).is_dir() else "which does not exist"
        raise KerasDipError(
            f"Expected an ONNX file. Received: {os.fspath(path)!r}, {what}."
        )
    content = content_of(path)
    session = described(content, path)
    try:
        fields = decode(session.get_modelmeta().custom_metadata_map)
    except KerasDipError as error:
        raise KerasDipError(f"{os.fspath(path)!r}: {error}") from error
    except UnicodeDecodeError as error:
        raise unusable(path, "has damaged metadata", error) from error
    if _outputs(session) not in ([OUTPUT], [table.OUTPUT]) or session.get_inputs():
        raise KerasDipError(
            f"Expected a file whose only output is {OUTPUT!r} and which needs no input."
            f" Received: {os.fspath(path)!r}."
        )
    _check_size(session, fields, path)
    return content, session, fields


def _check_size(
    session: Any, fields: dict[str, Any], path: str | os.PathLike[str]
) -> None:
    """Refuse a picture of another size than the metadata says, or a huge one."""
    height, width, *channels = fields["shape"]
    check_pixels(height, width, repr(os.fspath(path)), math.prod(channels))
    whole = [1, height, width, channels[0] if channels else 1]
    made = list(session.get_outputs()[0].shape)
    if _outputs(session) == [OUTPUT] and made != whole:
        raise KerasDipError(
            f"Expected a file that makes a picture of shape {whole}, as it says. "
            f"Received: {os.fspath(path)!r}, which makes {made}."
        )


def _outputs(session: Any) -> list[str]:
    return [entry.name for entry in session.get_outputs()]


def _z_type(session: Any) -> tuple[list[int], str]:
    """Return shape and dtype of z, an input with a default."""
    for entry in session.get_overridable_initializers():
        if entry.name in ("z", "tile0/z"):
            dtype = entry.type.removeprefix("tensor(").removesuffix(")")
            return list(entry.shape), {"float": "float32"}.get(dtype, dtype)
    raise KerasDipError("Expected a file with an input z. Received: one without.")
