"""What a restoration left out, x0 - A(x), and whether there is structure in it.

Where the damage is independent noise and nothing but noise was left out, no pixel of
the residual tells anything of its neighbours: its autocorrelation is 1 at lag zero and
0 elsewhere (the residual is white; Almeida and Figueiredo, "Parameter estimation for
blind and non-blind deblurring using residual whiteness measures", IEEE Transactions on
Image Processing 22(7), 2013).
"""

import numpy as np

REACH = 5
"""Largest distance in pixels, along each axis, of which the whiteness is made."""


def autocorrelation(
    residual: np.ndarray, known: np.ndarray | None = None, reach: int = REACH
) -> np.ndarray:
    """Return how alike pixels of a residual are at each distance.

    Channels are averaged. Pairs with an unknown pixel do not count, and a distance of
    which there is no pair gives 0.

    Args:
        residual: [h, w, c], 0 where not known.
        known: 1 where known, of a shape that broadcasts to the residual's; None for 1.
        reach: largest distance in pixels, cut to the picture.

    Returns:
        float64 [2 * r + 1, 2 * s + 1] with 1 in the middle; 0 everywhere for a residual
        of no variance.
    """
    weights = np.ones(residual.shape) if known is None else known
    weights = np.broadcast_to(weights, residual.shape).astype("float64")
    total = np.maximum(weights.sum(axis=(0, 1)), 1)
    mean = (residual * weights).sum(axis=(0, 1)) / total
    centred = (residual - mean) * weights
    height, width = residual.shape[:2]
    size = (2 * height, 2 * width)  # room for all distances, without wrapping around
    products, pairs = (_summed(array, size) for array in (centred, weights))
    pairs = np.where(pairs > 0.5, pairs, np.inf)
    alike = np.fft.fftshift(products / pairs)
    variance = alike[height, width]
    r, s = min(reach, height - 1), min(reach, width - 1)
    window = alike[height - r : height + r + 1, width - s : width + s + 1]
    # Below what float32 resolves there is nothing but rounding.
    return window / variance if variance > 1e-14 else np.zeros_like(window)


def whiteness(residual: np.ndarray, known: np.ndarray | None = None) -> float:
    """Return how white a residual is: 1 for independent noise, near 0 for a picture.

    That is the share of the squared autocorrelation, up to `REACH` pixels along each
    axis, that lies at distance zero; what chance alone brings to the other distances is
    taken off first. NaN for a residual of no variance.

    Args:
        residual: [h, w, c], 0 where not known.
        known: as for `autocorrelation`.
    """
    squares = np.square(autocorrelation(residual, known))
    if not squares.any():
        return float("nan")
    weights = np.ones(residual.shape) if known is None else known
    count = np.broadcast_to(weights, residual.shape)[..., 0].sum()
    others = squares.sum() - 1
    by_chance = (squares.size - 1) / max(count * residual.shape[2], 1)
    return float(1 / (1 + max(others - by_chance, 0)))


def middle_of(array: np.ndarray, side: int) -> np.ndarray:
    """Return the middle of an array [h, w, c], at most so many pixels on a side."""
    if max(array.shape[:2]) <= side:
        return array
    top, left = (max(size - side, 0) // 2 for size in array.shape[:2])
    return array[top : top + side, left : left + side]


def in_words(white: float, rms: float) -> str:
    """Return what a whiteness, and a root mean square in [0, 1] units, mean."""
    if rms == 0:
        return (
            "Nothing was left out: damaged again, the result is the picture that came "
            "in, as where known pixels are put back into it."
        )
    if rms < 0.5 / 255:
        return (
            "Next to nothing was left out: damaged again, the result is the picture "
            "that came in, within the rounding of 8 bits."
        )
    if white >= 0.9:
        return (
            "White: pixels of what was left out tell next to nothing of their "
            "neighbours, as those of noise."
        )
    if white >= 0.5:
        return (
            "Not quite white: neighbouring pixels of what was left out have something "
            "in common. Some of the picture was left out too, or the damage itself has "
            "a structure."
        )
    return (
        "Structured: parts of the picture were left out too, or the damage itself has "
        "a structure, as that of JPEG has."
    )


def _summed(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the sums of products at all distances, over all channels."""
    total = np.zeros((size[0], size[1] // 2 + 1))
    for channel in np.moveaxis(array, -1, 0):  # one after the other, for the memory
        total += np.square(np.abs(np.fft.rfft2(channel, size)))
    summed: np.ndarray = np.fft.irfft2(total, size)
    return summed
