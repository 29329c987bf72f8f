"""How far each pixel may be off, as a file: numbers, or a grey picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NUMBERS = ".npy"


def check_uncertainty(
    path: str,
    *,
    inputs: Sequence[str],
    force: bool,
    shape: Sequence[int] | None = None,
) -> None:
    """Refuse a file that could not, or must not, be written.

    Raises:
        ImageError: With the reason.
    """
    from keras_dip import images
    from keras_dip.images.formats import SUFFIXES

    suffixes = (NUMBERS, *SUFFIXES)
    size = None if is_numbers(path) else shape
    images.check_output(path, inputs=inputs, force=force, suffixes=suffixes, shape=size)


def is_numbers(path: str) -> bool:
    """Tell whether a file is to hold numbers, not a picture."""
    return path.lower().endswith(NUMBERS)


def write_uncertainty(
    deviation: np.ndarray, path: str, *, inputs: Sequence[str], force: bool
) -> str:
    """Write the standard deviation of each pixel; return what the file means.

    Args:
        deviation: float32 [H, W] or [H, W, C], in [0, 1] units.
        path: .npy for these numbers; else a picture, grey, its largest value white.
        inputs: Files that must not be overwritten, even with `force`.
        force: Replace an existing file.
    """
    import numpy as np

    from keras_dip import images

    if is_numbers(path):
        data = io.BytesIO()
        np.save(data, deviation.astype("float32"))
        check_uncertainty(path, inputs=inputs, force=force)
        images.atomic_write(path, lambda file: file.write(data.getbuffer()))
        return f"{path}: standard deviation of each pixel, in units of [0, 1]"
    grey = deviation if deviation.ndim == 2 else deviation.mean(axis=-1)
    white = float(grey.max())
    scaled = grey / white if white else grey
    images.write(scaled.astype("float32"), path, inputs=inputs, force=force)
    return (
        f"{path}: white stands for a standard deviation of {white * 255:.3g} grey "
        "levels of 255"
    )
