"""Networks as `.keras` files."""

import os
import tempfile
from pathlib import Path

import keras

from keras_dip.errors import ImageError, KerasDipError
from keras_dip.images import atomic_write

# A file names layers of these; they have to be known when it is read.
from keras_dip.models import blocks, fused, merge, offset, pixels  # noqa: F401


def save(path: str | os.PathLike[str], network: keras.Model) -> None:
    """Write a network as a `.keras` file, whole or not at all.

    Raises:
        ImageError: if it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "network.keras")
            keras.saving.save_model(network, file)
            content = file.read_bytes()
    except OSError as error:  # of the temporary files
        raise ImageError(
            f"Expected room for temporary files. Received: {tempfile.gettempdir()!r} "
            f"({error.strerror or error})."
        ) from error
    atomic_write(path, lambda target: target.write(content))


def load(path: str | os.PathLike[str]) -> keras.Model:
    """Return the network of a `.keras` file, in safe mode: no code of its is run.

    Raises:
        KerasDipError: whatever is wrong with the file.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        first = str(error).strip().split("\n")[0]
        raise KerasDipError(
            "Expected a Keras model saved as .keras. "
            f"Received: {os.fspath(path)!r} ({first})."
        ) from error
