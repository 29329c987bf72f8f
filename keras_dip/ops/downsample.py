"""Downsampling by an integer factor behind a low-pass filter.

The filter is a kernel k(d) of support a, d in units of coarse pixels, sampled at the
offsets of the fine pixels from the centre of a coarse pixel, taken as an outer product
and normalised to a sum of one:

- "lanczos2" and "lanczos3": a sin(pi d) sin(pi d / a) / (pi d)^2, |d| < a, k(0) = 1;
- "bicubic": Keys' cubic with the parameter -1/2 (IEEE TASSP 1981), a = 2;
- "box": the mean of the fine pixels inside, a = 1/2;
- "gauss": a Gaussian with a standard deviation of half a coarse pixel, cut at a = 2.

For an even factor the centre of a coarse pixel lies between two fine pixels, for an odd
factor on one. Either way a coarse pixel sits exactly in the middle of its t x t block.
Borders repeat the edge.
"""

from functools import lru_cache
from typing import Any

import numpy as np

KERNELS = ("lanczos2", "lanczos3", "bicubic", "box", "gauss")

_SUPPORT = {"lanczos2": 2.0, "lanczos3": 3.0, "bicubic": 2.0, "box": 0.5, "gauss": 2.0}
GAUSS_DEVIATION = 0.5


def check_kernel(kernel: Any) -> None:
    """Raise ValueError unless there is such a kernel."""
    if kernel not in KERNELS:
        raise ValueError(
            f"Expected a kernel of {', '.join(KERNELS)}. Received: {kernel!r}"
        )


@lru_cache
def _profile(factor: int, kernel: str) -> np.ndarray:
    """Return the separable profile of the kernel, float64, summing to one."""
    check_kernel(kernel)
    support = _SUPPORT[kernel]
    side = round(2 * support * factor)
    side -= (side - factor) % 2  # a pixel in the middle if the factor is odd
    distance = np.abs(np.arange(side) - (side - 1) / 2) / factor
    profile = _weights(kernel, distance)
    return profile / profile.sum()


def _weights(kernel: str, distance: np.ndarray) -> np.ndarray:
    """Return k at such distances, in coarse pixels, all within the support."""
    if kernel == "box":
        return np.ones_like(distance)
    if kernel == "gauss":
        return np.exp(-((distance / GAUSS_DEVIATION) ** 2) / 2)
    if kernel == "bicubic":
        near = 1.5 * distance**3 - 2.5 * distance**2 + 1
        far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        return np.where(distance < 1, near, far)
    return np.sinc(distance) * np.sinc(distance / _SUPPORT[kernel])


def downsampling_kernel(factor: int, kernel: str = "lanczos2") -> np.ndarray:
    """Return the 2-D kernel, float64 of shape [side, side], summing to one.

    Raises:
        ValueError: if there is no such kernel.
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
