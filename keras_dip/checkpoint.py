"""A restoration on disk while it is fitted, so that a crash costs about a minute.

The folder has one file for each member, replaced as a whole. Continued on the same
machine with the same versions, a restoration ends with the same picture, bit for bit,
as one that nothing interrupted: weights, moments, averages, the state of the noise
and what the stopping rule knows are all there.
"""

import hashlib
import io
import json
import os
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_dip
from keras_dip.errors import ImageError, KerasDipError
from keras_dip.fitting import Candidate
from keras_dip.images import atomic_write
from keras_dip.images.output import TEMPORARY

INTERVAL = 60.0
"""Seconds between two checkpoints."""

FORMAT = 2
_CANDIDATE, _ARRAY = "__candidate__", "__array__"


class Checkpoint:
    """A folder with the progress of one restoration.

    Args:
        folder: made if it does not exist.
        interval: seconds between two checkpoints.

    Attributes:
        tile: the side of the tiles of this restoration, where the memory decided it; a
            run that goes on takes the same, whatever is free then.

    Raises:
        KerasDipError: if the folder cannot be made.
    """

    def __init__(
        self, folder: str | os.PathLike[str], interval: float = INTERVAL
    ) -> None:
        """Make the folder."""
        self.folder, self.interval = Path(folder), interval
        self.tile: int | None = None
        self._identity = ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KerasDipError(
                f"Expected a folder for checkpoints. Received: {str(folder)!r} "
                f"({error.strerror or error})."
            ) from error

    def identify(self, settings: Any, observed: dict[str, np.ndarray]) -> None:
        """Say which restoration this is: plain data and arrays that decide its result.

        Raises:
            KerasDipError: if the folder is that of another one.
        """
        version = keras_dip.__version__
        text = json.dumps([FORMAT, version, settings], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode())
        for name, array in sorted(observed.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        self._identity = digest.hexdigest()
        for file in self._files():
            identity, self.tile = _read(file, "identity")
            if identity != self._identity:
                raise KerasDipError(
                    "Expected a checkpoint of this picture, with these settings and "
                    f"this version. Received: {str(self.folder)!r}, which is of "
                    "another restoration."
                )

    @property
    def has_begun(self) -> bool:
        """Whether there is progress to go on from."""
        return bool(self._files())

    def load(self, member: int) -> dict[str, Any] | None:
        """Return the state of a member as it was saved, or None."""
        file = self._file(member)
        if not file.exists():
            return None
        state: dict[str, Any] = _read(file, "state")
        return state

    def pack(self, state: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return a state as arrays that no further step changes."""
        arrays: dict[str, Any] = {}
        identity = [self._identity, self.tile]
        tree = _pack({"identity": identity, "state": state}, arrays)
        return {**arrays, "tree": np.frombuffer(json.dumps(tree).encode(), "uint8")}

    def save(self, member: int, packed: dict[str, np.ndarray]) -> None:
        """Replace the state of a member; warn if that cannot be written."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = packed
        np.savez(buffer, **arrays)
        try:
            atomic_write(
                self._file(member), lambda file: file.write(buffer.getbuffer())
            )
        except ImageError as error:  # the fit is worth more
            warnings.warn(f"The checkpoint was not kept. {error}", stacklevel=3)

    def remove(self) -> None:
        """Delete what was saved: the restoration is done."""
        for file in [*self._files(), *self.folder.glob(TEMPORARY)]:
            file.unlink(missing_ok=True)

    def _file(self, member: int) -> Path:
        return self.folder / f"member-{member}.npz"

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("member-*.npz"))


class Saver(keras.callbacks.Callback):
    """Saves a member every so many seconds, after all other callbacks of a report.

    A report that the clock or Ctrl-C cut short is no place to continue from: what is
    saved then is the state of the last whole one.
    """

    def __init__(self, checkpoint: Checkpoint, member: Any, index: int) -> None:
        """Set whose state is saved, and where."""
        super().__init__()
        self.checkpoint, self.member, self.index = checkpoint, member, index
        self._last = time.monotonic()
        self._unsaved: dict[str, np.ndarray] | None = None

    def load(self) -> dict[str, Any] | None:
        """Return what was saved of the member, or None."""
        return self.checkpoint.load(self.index)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the state, and save it if it is time."""
        if self.member.reports == epoch + 1:
            self._unsaved = self.checkpoint.pack(self.member.progress())
        if time.monotonic() - self._last >= self.checkpoint.interval:
            self.save_rest()

    def save_rest(self) -> None:
        """Save what was noted last, if it is not saved yet."""
        if self._unsaved is not None:
            self.checkpoint.save(self.index, self._unsaved)
        self._unsaved, self._last = None, time.monotonic()

    def save_end(self) -> None:
        """Save the state that the fit came to an end with."""
        packed = self.checkpoint.pack(self.member.progress())
        self.checkpoint.save(self.index, packed)


def _pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return nested data as JSON can hold it; arrays are put aside by name."""
    if isinstance(value, Candidate):
        return {_CANDIDATE: _pack(asdict(value), arrays)}
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value.copy()
        return {_ARRAY: name}
    if isinstance(value, dict):
        # JSON has no keys but texts.
        return {"items": [[k, _pack(v, arrays)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_pack(v, arrays) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpack(value: Any, arrays: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if _CANDIDATE in value:
        return Candidate(**_unpack(value[_CANDIDATE], arrays))
    if _ARRAY in value:
        return arrays[value[_ARRAY]]
    return {k: _unpack(v, arrays) for k, v in value["items"]}


def _read(file: Path, part: str) -> Any:
    """Return a part of a file; of the arrays, only those in it are read."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            tree = dict(json.loads(bytes(arrays["tree"]))["items"])
            return _unpack(tree[part], arrays)
    except Exception as error:
        raise KerasDipError(
            f"Expected a checkpoint. Received: {str(file)!r} ({error})."
        ) from error
