"""Give the picture of an ONNX file again, with numpy and onnxruntime only.

The file holds the network and its input z: running it without any input is the whole
of it. Feeding another z shows what the fitted network makes of that.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from keras_dip.errors import KerasDipError
from keras_dip.images.limits import check_pixels
from keras_dip.onnx_io import table
from keras_dip.onnx_io.metadata import decode

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
    session, fields = _open(path)
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
            image = table.picture_of(folder, tiles, hashes, picture_of_tile)
        else:
            (image,) = session.run([OUTPUT], feeds)
        picture: np.ndarray = image.reshape(fields["shape"])
    except KerasDipError:
        raise
    except Exception as error:
        raise _unusable(path, "cannot be run", error) from error
    return picture


def info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what an ONNX file says about its restoration.

    Returns:
        The fields of `keras_dip.onnx_io.metadata`, and `z_shape`, `z_dtype`,
        `image_shape` (as the graph has it, [1, H, W, C]) and `file_size` (bytes).

    Raises:
        KerasDipError: If the file is not one of ours.
    """
    session, fields = _open(path)
    size, shape = Path(path).stat().st_size, fields["shape"]
    if _outputs(session) == [table.OUTPUT]:
        hashes = table.hashes_of(fields, table.tiling_of(fields))
        folder = table.folder_of(Path(path))
        files = [table.tile_file(folder, number) for number in range(len(hashes))]
        session = session_of(table.tile_content(files[0], hashes[0]), files[0])
        size += sum(file.stat().st_size for file in files if file.is_file())
    z_shape, z_dtype = _z_type(session)
    return {
        **fields,
        "z_shape": z_shape,
        "z_dtype": z_dtype,
        "image_shape": [1, *shape[:2], shape[2] if len(shape) == 3 else 1],
        "file_size": size,
    }


def _open(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """Load a file; return its session and its metadata."""
    if not Path(path).is_file():
        what = "a folder" if Path(path).is_dir() else "which does not exist"
        raise KerasDipError(
            f"Expected an ONNX file. Received: {os.fspath(path)!r}, {what}."
        )
    session = open_session(path)
    try:
        fields = decode(session.get_modelmeta().custom_metadata_map)
    except KerasDipError as error:
        raise KerasDipError(f"{os.fspath(path)!r}: {error}") from error
    except UnicodeDecodeError as error:
        raise _unusable(path, "has damaged metadata", error) from error
    if _outputs(session) not in ([OUTPUT], [table.OUTPUT]) or session.get_inputs():
        raise KerasDipError(
            f"Expected a file whose only output is {OUTPUT!r} and which needs no input."
            f" Received: {os.fspath(path)!r}."
        )
    _check_size(session, fields, path)
    return session, fields


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


def open_session(path: str | os.PathLike[str]) -> Any:
    """Return an onnxruntime session of a file on the CPU.

    It gets the bytes and no path, so that nothing but this file can be read: one that
    keeps its weights elsewhere is refused.

    Raises:
        KerasDipError: If it is damaged, or not ONNX.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise OSError("not an ordinary file")
        content = Path(path).read_bytes()
    except OSError as error:
        raise _unusable(path, "cannot be read", error) from error
    return session_of(content, path)


def session_of(content: bytes, path: str | os.PathLike[str]) -> Any:
    """Return an onnxruntime session of the bytes of a file; KerasDipError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # An input that has a default is what we want; onnxruntime would warn about it.
    options.log_severity_level = 4
    try:
        # It prints what it thinks of damaged files, where a picture may be going.
        with contextlib.redirect_stdout(io.StringIO()):
            return onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
    except Exception as error:
        # onnxruntime has one exception class for each way a file can be bad.
        raise _unusable(path, "is not ONNX, or damaged", error) from error


def _outputs(session: Any) -> list[str]:
    return [entry.name for entry in session.get_outputs()]


def picture_of_tile(content: bytes, path: str | os.PathLike[str]) -> np.ndarray:
    """Return the picture [1, h, w, C] of the file of a tile, given its bytes."""
    picture: np.ndarray = session_of(content, path).run([OUTPUT], {})[0]
    return picture


def _z_type(session: Any) -> tuple[list[int], str]:
    """Return shape and dtype of z, an input with a default."""
    for entry in session.get_overridable_initializers():
        if entry.name in ("z", "tile0/z"):
            dtype = entry.type.removeprefix("tensor(").removesuffix(")")
            return list(entry.shape), {"float": "float32"}.get(dtype, dtype)
    raise KerasDipError("Expected a file with an input z. Received: one without.")


def _unusable(
    path: str | os.PathLike[str], problem: str, error: Exception
) -> KerasDipError:
    first_line = ascii(str(error).partition("\n")[0][:200])[1:-1]
    return KerasDipError(
        "Expected an ONNX file written by keras_dip. "
        f"Received: {os.fspath(path)!r}, which {problem} ({first_line})."
    )
