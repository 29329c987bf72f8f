"""The Bayer mosaic: one colour per pixel, as a camera's sensor sees it.

A pattern names the colours of the upper left 2 x 2 pixels, row by row (Bayer, US patent
3971065, 1976); the rest repeats them. Pictures of odd sizes end in the middle of one.
"""

from typing import Any

import numpy as np

PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")


def sites(pattern: str, height: int, width: int) -> np.ndarray:
    """Return where each colour is measured, float32 [height, width, 3] of 0 and 1.

    Raises:
        ValueError: if there is no such pattern.
    """
    colours = ["RGB".index(letter) for letter in checked_pattern(pattern)]
    rows, columns = np.ogrid[:height, :width]
    colour = np.reshape(colours, (2, 2))[rows % 2, columns % 2]
    return np.eye(3, dtype="float32")[colour]


def mosaic(x: Any, pattern: str) -> Any:
    """Return what a sensor sees of a colour picture [n, h, w, 3], [n, h, w, 1].

    Raises:
        ValueError: if there is no such pattern.
    """
    from keras import ops

    mask = ops.cast(sites(pattern, x.shape[1], x.shape[2]), x.dtype)
    return ops.sum(x * mask, axis=-1, keepdims=True)


def bilinear(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a colour picture from the measured values of each colour, float32.

    What was measured stays; elsewhere a colour is the mean of what its neighbours among
    the 8 around measured, those above, below and beside counted twice. Borders take
    fewer neighbours.

    Args:
        values: [h, w, 3], of any value where nothing was measured.
        mask: [h, w, 3], 1 where a colour was measured, 0 elsewhere.
    """
    known = np.pad(mask, ((1, 1), (1, 1), (0, 0)))
    seen = np.pad(values * mask, ((1, 1), (1, 1), (0, 0)))
    total, weight = (_neighbours(array) for array in (seen, known))
    mean = total / np.maximum(weight, 1)
    filled: np.ndarray = np.where(mask > 0, values, mean).astype("float32")
    return filled


def checked_pattern(pattern: Any) -> str:
    """Return the pattern in capital letters.

    Raises:
        ValueError: if there is no such pattern.
    """
    name = pattern.upper() if isinstance(pattern, str) else pattern
    if name not in PATTERNS:
        raise ValueError(
            f"Expected a Bayer pattern of {', '.join(PATTERNS)}. Received: {pattern!r}"
        )
    checked: str = name
    return checked


def _neighbours(padded: np.ndarray) -> np.ndarray:
    """Return the weighted sums over 3 x 3 pixels of an array padded by one."""
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    rows = padded[:height] + 2 * padded[1:-1] + padded[2:]
    total: np.ndarray = rows[:, :width] + 2 * rows[:, 1:-1] + rows[:, 2:]
    return total
