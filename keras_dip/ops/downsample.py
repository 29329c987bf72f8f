"""Downsampling by an integer factor with a windowed-sinc (Lanczos) kernel.

The kernel of support a, stretched by the factor t, is sampled at the offsets of the
fine pixels from the centre of a coarse pixel, in units of coarse pixels,

    k(d) = a sin(pi d) sin(pi d / a) / (pi d)^2,   |d| < a,   k(0) = 1,

taken as an outer product and normalised to a sum of one. For an even factor the centre
of a coarse pixel lies between two fine pixels (side 2at, the kernel of the reference);
for an odd factor it lies on one, so that the kernel has side 2at - 1. Either way a
coarse pixel sits exactly in the middle of its t x t block. Borders repeat the edge.
"""

from functools import lru_cache
from typing import Any

import numpy as np

_SUPPORT = {"lanczos2": 2, "lanczos3": 3}


@lru_cache
def _profile(factor: int, kernel: str) -> np.ndarray:
    """Return the separable profile of the kernel, float64, summing to one."""
    if kernel not in _SUPPORT:
        raise ValueError(
            f"Expected a kernel of {', '.join(_SUPPORT)}. Received: {kernel!r}"
        )
    support = _SUPPORT[kernel]
    side = 2 * support * factor - factor % 2
    distance = (np.arange(side) - (side - 1) / 2) / factor
    profile = np.sinc(distance) * np.sinc(distance / support)
    return profile / profile.sum()


def lanczos_kernel(factor: int, kernel: str = "lanczos2") -> np.ndarray:
    """Return the 2-D kernel, float64 of shape [side, side], summing to one.

    Raises:
        ValueError: if the kernel is neither "lanczos2" nor "lanczos3".
    """
    profile = _profile(factor, kernel)
    return np.outer(profile, profile)


def downsample(x: Any, factor: int, kernel: str = "lanczos2") -> Any:
    """Downsample [n, h, w, c] to [n, ceil(h / factor), ceil(w / factor), c].

    The kernel is separable: one small matrix acts on the rows, one on the columns.
    """
    from keras import ops

    rows = ops.cast(_matrix(x.shape[1], factor, kernel), x.dtype)
    columns = ops.cast(_matrix(x.shape[2], factor, kernel), x.dtype)
    x = ops.einsum("oi,niwc->nowc", rows, x)
    return ops.einsum("oi,nhic->nhoc", columns, x)


def whitening(size: int, factor: int, kernel: str, softening: float) -> np.ndarray:
    """Return (A A^T)^(-1/2) for the downsampling A of one side of `size` pixels.

    Its largest eigenvalue is scaled to 1 and `softening` added to all.

    Returns:
        float32, square, of side ceil(size / factor).
    """
    matrix = _matrix(size, factor, kernel).astype("float64")
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    root = np.sqrt(values / values[-1] + softening)
    whitened: np.ndarray = (vectors / root) @ vectors.T
    return whitened.astype("float32")


@lru_cache
def _matrix(size: int, factor: int, kernel: str) -> np.ndarray:
    """Return the float32 matrix [ceil(size / factor), size] that filters one side."""
    profile = _profile(factor, kernel)
    pad = (len(profile) - factor) // 2
    matrix = np.zeros((-(-size // factor), size))
    for row in range(len(matrix)):
        taps = np.arange(len(profile)) + row * factor - pad
        np.add.at(matrix[row], taps.clip(0, size - 1), profile)
    return matrix.astype("float32")
