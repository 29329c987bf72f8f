"""What an ONNX file says about its restoration: the names and the text form of each.

An ONNX file carries pairs of texts. Ours begin with ``keras_dip.``; what is not a plain
text is written as JSON. Nothing here needs onnx.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from keras_dip.errors import KerasDipError

PREFIX = "keras_dip."
FORMAT_VERSION = "1"

_TEXTS = frozenset({"format_version", "task", "source_dtype", "source_mode"})
_JSON = frozenset(
    {
        "shape",  # of the picture, [H, W] or [H, W, C] as the user gave it
        "seed",
        "steps",
        "best_step",  # the step whose picture this is
        "network",
        "settings",
        "versions",
        "latent",  # kind of z, and whether it contains the degraded picture
        "half",  # whether weights are stored as float16
        "tolerance",  # what may differ between the file's picture and the fit's
        "weights",  # how many
        "pastes_known",  # whether known pixels of the input are in the file
        "opset",  # version of the ONNX operators
    }
)
FIELDS = _TEXTS | _JSON

HASHES = "tiles_sha256"
"""Of a table of tiles alone: the SHA-256 of each tile's file, in hexadecimal."""


def encode(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts to store in a file; the format version is added.

    Raises:
        ValueError: If a field is missing or unknown.
    """
    values = {"format_version": FORMAT_VERSION, **fields}
    missing, unknown = FIELDS - set(values), set(values) - FIELDS
    if missing or unknown:
        raise ValueError(
            f"Expected the fields {sorted(FIELDS)}. "
            f"Received: missing {sorted(missing)}, unknown {sorted(unknown)}"
        )
    return {
        PREFIX + name: str(value)
        if name in _TEXTS
        else json.dumps(value, default=_plain)
        for name, value in values.items()
    }


def decode(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a file from the texts stored in it.

    Raises:
        KerasDipError: If they were not written by keras_dip, or by a newer one.
    """
    version = texts.get(PREFIX + "format_version")
    if version is None:
        raise KerasDipError("Expected a file written by keras_dip. Received: another.")
    if version != FORMAT_VERSION:
        raise KerasDipError(
            f"Expected file format {FORMAT_VERSION}. Received: {version!r}; "
            "a newer keras_dip can read it."
        )
    missing = {PREFIX + name for name in FIELDS} - set(texts)
    if missing:
        raise KerasDipError(
            f"Expected complete metadata. Received: none for {sorted(missing)}."
        )
    fields = {
        name: texts[PREFIX + name] if name in _TEXTS else _from_json(name, texts)
        for name in sorted(FIELDS)
    }
    if PREFIX + HASHES in texts:
        fields[HASHES] = _from_json(HASHES, texts)
    if not _is_sound(fields):
        raise KerasDipError(
            "Expected metadata of a restoration. Received: fields of other kinds."
        )
    return fields


def _is_sound(fields: Mapping[str, Any]) -> bool:
    """Tell whether all fields are of the kinds that they have to be."""

    def is_number(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool)

    settings, shape, latent = (fields[name] for name in ("settings", "shape", "latent"))
    whole = [fields[n] for n in ("seed", "steps", "best_step", "weights", "opset")]
    return (
        isinstance(shape, list)
        and len(shape) in (2, 3)
        and all(type(side) is int and side > 0 for side in shape)
        and all(type(value) is int for value in whole)
        and isinstance(latent, dict)
        and {"kind", "contains_picture"} <= set(latent)
        and isinstance(fields["versions"], dict)
        and isinstance(settings, dict)
        and isinstance(settings.get("task_options") or {}, dict)
        and all(
            is_number(settings.get(name) or 0)
            for name in ("members", "noise_sigma", "blend")
        )
        and isinstance(settings.get("stop", ""), str)
        and isinstance(fields.get(HASHES, []), list)
    )


def _from_json(name: str, texts: Mapping[str, str]) -> Any:
    text = texts[PREFIX + name]
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KerasDipError(
            f"Expected JSON in {PREFIX}{name}. Received: {text[:40]!r}."
        ) from error


def _plain(value: Any) -> Any:
    """Turn arrays and NumPy numbers into lists and numbers, the rest into text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
