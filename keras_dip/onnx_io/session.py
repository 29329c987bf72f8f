"""ONNX files in onnxruntime, also hostile ones: no other file is read, memory is bound.

A graph of a few bytes can ask for any amount of memory on its way to a small picture.
To be described it is neither optimised nor run; to run, it gets all of its memory from
an arena that ends at a limit, by the size of its picture.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import threading
from pathlib import Path
from typing import Any

import numpy as np

from keras_dip.errors import KerasDipError

LEAST, PER_PIXEL, PER_BYTE = 2**30, 2**15, 8
"""Bytes that a graph may use: in any case, for each pixel of its picture, and for each
byte of its file. Of the presets here, the paper's uses most: less than 8 kB a pixel.
"""

_arena = threading.Lock()


def content_of(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of an ordinary file; KerasDipError."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise OSError("not an ordinary file")
        return Path(path).read_bytes()
    except OSError as error:
        raise unusable(path, "cannot be read", error) from error


def described(content: bytes, path: str | os.PathLike[str]) -> Any:
    """Return an onnxruntime session that tells what a file holds, not to be run.

    It gets the bytes and no path, so that nothing but this file can be read: one that
    keeps its weights elsewhere is refused.

    Raises:
        KerasDipError: If it is damaged, or not ONNX.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    return _session(content, options, path)


def run(
    content: bytes,
    path: str | os.PathLike[str],
    pixels: int,
    feeds: dict[str, np.ndarray] | None = None,
) -> np.ndarray:
    """Return the output `image` of a file, computed on the CPU.

    Args:
        content: Its bytes; it has been described and checked.
        path: Its name, for messages.
        pixels: Height times width of its picture.
        feeds: Inputs in place of their defaults.

    Raises:
        KerasDipError: If it cannot be run, or not in the memory that such a picture
            may take.
    """
    import onnxruntime

    limit = LEAST + PER_PIXEL * pixels + PER_BYTE * len(content)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    # 1: what is asked for and no more, not the next power of two.
    ends = onnxruntime.OrtArenaCfg({"max_mem": limit, "arena_extend_strategy": 1})
    with _arena:  # there is one for each process, which a new one replaces
        onnxruntime.create_and_register_allocator(memory, ends)
        session = _session(content, options, path)
    try:
        image: np.ndarray = session.run(["image"], feeds or {})[0]
    except Exception as error:
        problem = "cannot be run"
        if "smaller than requested" in str(error):
            problem = f"asks for more than {limit} bytes of memory"
        raise unusable(path, problem, error) from error
    return image


def unusable(
    path: str | os.PathLike[str], problem: str, error: Exception
) -> KerasDipError:
    """Return the refusal of a file, in one line."""
    first_line = ascii(str(error).partition("\n")[0][:200])[1:-1]
    return KerasDipError(
        "Expected an ONNX file written by keras_dip. "
        f"Received: {os.fspath(path)!r}, which {problem} ({first_line})."
    )


def _session(content: bytes, options: Any, path: str | os.PathLike[str]) -> Any:
    import onnxruntime

    # An input that has a default is what we want; onnxruntime would warn about it.
    options.log_severity_level = 4
    try:
        # It prints what it thinks of damaged files, where a picture may be going.
        with contextlib.redirect_stdout(io.StringIO()):
            return onnxruntime.InferenceSession(
                content,
                options,
                providers=["CPUExecutionProvider"],
                # It computes while it loads, with memory from elsewhere.
                disabled_optimizers=["ConstantFolding"],
            )
    except Exception as error:
        # onnxruntime has one exception class for each way a file can be bad.
        raise unusable(path, "is not ONNX, or damaged", error) from error
