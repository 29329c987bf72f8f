"""What came of each picture: JSON lines, one appended as each ends.

A line is written by one call, so that a kill leaves whole lines; should a power failure
tear the last one all the same, it is not read, and cut off before the next is written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from keras_dip.errors import KerasDipError
from keras_dip.locks import locked

FILE = "manifest.jsonl"
DONE, SKIPPED, FAILED = "done", "skipped", "failed"


@dataclass(frozen=True)
class Entry:
    """A line of the manifest.

    Attributes:
        input: Path or URL of the picture.
        output: Path of the output below the output folder.
        result: "done", "failed", or "skipped" where a file that is not of this batch
            was found in the output's place.
        sha256: Of the input's bytes, in hexadecimal; None if they could not be read.
        settings: The task and all options, as plain data.
        psnr: In dB, where a reference is known.
        seconds: What the picture took, reading and writing included.
        steps: How many the fit took.
        stopped_by: What ended the fit, as in `Restoration.stopped_by`.
        error: Why there is no picture, in one line.
        wrote: Whether a picture that failed left files all the same, which are ours.
    """

    input: str
    output: str
    result: str
    sha256: str | None = None
    settings: dict[str, Any] | None = None
    psnr: float | None = None
    seconds: float | None = None
    steps: int | None = None
    stopped_by: str | None = None
    error: str | None = None
    wrote: bool | None = None

    @property
    def is_owner(self) -> bool:
        """Whether the files in the output's place are of this batch."""
        return self.result == DONE or (self.result == FAILED and bool(self.wrote))

    def has_made(self, sha256: str | None, settings: Mapping[str, Any]) -> bool:
        """Tell whether this picture was done from these bytes with these settings."""
        same = self.sha256 == sha256 and self.settings == plain(settings)
        return self.result == DONE and sha256 is not None and same


class Manifest:
    """The manifest of an output folder.

    Attributes:
        entries: The last entry of each output.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Read what there is.

        Raises:
            KerasDipError: If it cannot be read.
        """
        self._path = Path(folder, FILE)
        self._torn_at: int | None = None
        self.entries: dict[str, Entry] = {}
        try:
            data = self._path.read_bytes() if self._path.exists() else b""
        except OSError as error:
            raise self._refusal("read", error) from error
        *lines, torn = data.split(b"\n")
        if torn:
            self._torn_at = len(data) - len(torn)
        for entry in filter(None, map(_entry, lines)):
            self.entries[entry.output] = entry

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keep other batches from the same folder, where the system can.

        Raises:
            KerasDipError: If another is at work there.
        """
        return locked(
            self._path.parent, "an output folder where no other batch is at work"
        )

    def append(self, entry: Entry) -> None:
        """Write an entry behind the others, to the disk.

        Raises:
            KerasDipError: If it cannot be written.
        """
        line = json.dumps(_finite(asdict(entry))).encode() + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            file = os.open(self._path, flags, 0o666)
            try:
                if self._torn_at is not None:
                    os.truncate(file, self._torn_at)
                    self._torn_at = None
                before = os.fstat(file).st_size
                if os.write(file, line) < len(line):
                    os.truncate(file, before)
                    raise OSError("no space for a whole line")
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise self._refusal("written", error) from error
        self.entries[entry.output] = entry

    def _refusal(self, what: str, error: OSError) -> KerasDipError:
        return KerasDipError(
            f"Expected a manifest that can be {what}. Received: {str(self._path)!r} "
            f"({error.strerror or error})."
        )


def sha256_of(path: str) -> str | None:
    """Return the SHA-256 of a file in hexadecimal; None if it cannot be read."""
    if not os.path.isfile(path):  # to open a pipe would wait for ever
        return None
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON gives them back."""
    data: dict[str, Any] = json.loads(json.dumps(settings))
    return data


def _entry(line: bytes) -> Entry | None:
    """Return the entry of a line, or None if it is none of ours."""
    known = {field.name for field in fields(Entry)}
    try:
        data = json.loads(line)
        return Entry(**{name: data[name] for name in data if name in known})
    except (ValueError, TypeError):
        return None


def _finite(data: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity, which the PSNR of equal pictures is."""
    psnr = data["psnr"]
    lost = psnr is not None and not math.isfinite(psnr)
    return {**data, "psnr": None} if lost else data
