"""Read the operator set version of an ONNX file, which onnxruntime does not tell.

An ONNX file is one protocol buffer message: a row of fields, each a key
``number * 8 + wire type`` and a value. The entries of `ModelProto.opset_import` give a
domain and a version; the empty domain is ONNX's own. The network's fields are stepped
over, so the onnx package is not needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_OPSET_IMPORT = 8
_DOMAIN = 1
_VERSION = 2
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def opset_of(path: str | os.PathLike[str]) -> int | None:
    """Return the version of the ONNX operators that a valid file uses, if told."""
    for number, entry in _fields(memoryview(Path(path).read_bytes())):
        if number == _OPSET_IMPORT and isinstance(entry, memoryview):
            opset = dict(_fields(entry))
            version = opset.get(_VERSION)
            if not opset.get(_DOMAIN) and isinstance(version, int):
                return version
    return None


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field; numbers as int, all else as bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == _LENGTH:
            size, at = _varint(message, at)
        else:
            size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}[wire_type]
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number whose 7-bit groups, lowest first, begin at `at`; its end."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at
