"""How strong the noise of a picture is, and what clipping to [0, 1] cut off it.

Noise of one deviation s is no longer Gaussian where the picture is nearly black or
white: the file cannot hold what lies beyond. Its level has to be measured elsewhere, or
with regard to that, and what was cut is drawn anew for methods that need all of it.
"""

from functools import lru_cache

import numpy as np

BLUR = 2.0
"""Pixels of Gaussian blur that find the local mean, from which clipping is known."""

NOT_CLIPPED = 0.9
"""Share of its deviation that noise must have kept where its level is measured."""

LEAST_SHARE = 0.1
"""Of a picture, from which noise can be measured."""

SETTLED = 0.01 / 255
"""Change of an estimate from which on another round would bring nothing."""

WHITE = 1.6
"""Ratio of coarse to fine noise up to which it counts as white: white noise measures
1.0 to 1.4 (the picture's own detail adds to it), blurred noise 2 to 5."""


def noise_sigma(picture: np.ndarray) -> float:
    """Return the estimated deviation of Gaussian noise before clipping.

    The median absolute deviation of the finest diagonal wavelet coefficients (Donoho
    and Johnstone, Biometrika 81, 1994), each divided by what clipping left of the
    noise around it, and averaged over channels.

    Args:
        picture: [h, w, c] in [0, 1].

    Returns:
        The deviation in units of the picture; 0 below 4 pixels on a side.
    """
    import pywt

    if min(picture.shape[:2]) < 4:
        return 0.0
    details = pywt.dwtn(picture, "db2", axes=(0, 1))["dd"]
    sigma = float(np.mean([_deviation(plane) for plane in np.moveaxis(details, -1, 0)]))
    means = _resized(local_mean(picture), details.shape)
    for _ in range(8 if _is_clipped(picture) else 0):
        if sigma < 1e-4:
            break
        _, clipped, deviation = _clipping(sigma)
        left = np.interp(means, clipped, deviation) / sigma
        measured = left >= min(NOT_CLIPPED, np.quantile(left, 0.98))
        before, sigma = sigma, _deviation(details[measured] / left[measured])
        if abs(sigma - before) < SETTLED:
            break
    return sigma


def relative_noise(picture: np.ndarray, power: float) -> float:
    """Return the estimated s of noise whose deviation is s times the mean to a power.

    As `noise_sigma`, each coefficient divided by what its local mean makes of s. Where
    it is so bright that white cut the noise off nothing is measured, nor in the darker
    half of the rest where that is much.

    Args:
        picture: [h, w, c] in [0, 1].
        power: 1/2 for photons, 1 for speckle.

    Returns:
        The deviation where the picture is white; 0 below 4 pixels on a side and where
        all is black.
    """
    import pywt

    if min(picture.shape[:2]) < 4:
        return 0.0
    details = pywt.dwtn(picture, "db2", axes=(0, 1))["dd"]
    means = _resized(local_mean(picture), details.shape)
    darkest = means <= np.quantile(means, LEAST_SHARE)
    level = 0.0
    for _ in range(8):
        whole = (means + 2 * level * means**power <= 1) | darkest
        dark = np.median(means[whole]) if whole.mean() > 1 / 2 else 0.0
        measured = whole & (means >= dark) & (means > 0)
        if not measured.any():
            return 0.0
        level = _deviation(details[measured] / means[measured] ** power)
    return level


def before_clipping(
    picture: np.ndarray, sigma: float, seed: int, *, black: bool = True
) -> np.ndarray:
    """Return a noisy picture as it may have been before it was cut to [0, 1].

    Black pixels take a value at or below 0, white ones a value at or above 1: drawn
    from that tail of the normal distribution around the picture's local mean. The noise
    is then Gaussian again, of mean 0 and one deviation.

    Args:
        picture: float32 [h, w, c] in [0, 1].
        sigma: deviation of the noise before clipping, above 0.
        seed: seed of what is drawn.
        black: whether noise was cut at black too, and not at white alone.
    """
    from scipy.special import ndtr, ndtri

    mean, clipped, _ = _clipping(sigma)
    inside = np.interp(local_mean(picture), clipped, mean).clip(0, 1)
    drawn = np.random.default_rng(seed).random(picture.shape)
    out = picture.copy()
    for border, side in ((0, -1), (1, 1))[0 if black else 1 :]:
        cut = side * picture >= side * border
        away = side * (border - inside[cut]) / sigma
        share = np.maximum(drawn[cut] * ndtr(-away), np.finfo("float64").tiny)
        # No tail is left far away: the pixel stays as it is.
        beyond = np.maximum(-ndtri(share) - away, 0) * sigma
        out[cut] = border + side * beyond
    return out


def noise_is_white(picture: np.ndarray) -> bool:
    """Tell whether the noise of a picture [h, w, c] is independent from pixel to pixel.

    The mean of 2 x 2 pixels halves the deviation of white noise; what demosaicing,
    enlarging or JPEG left behind is smooth and remains. False where there is none.
    """
    height, width, channels = picture.shape
    height, width = height // 2, width // 2
    blocks = picture[: 2 * height, : 2 * width]
    coarse = blocks.reshape(height, 2, width, 2, channels).mean(axis=(1, 3))
    fine = noise_sigma(picture)
    return fine > 0 and 2 * noise_sigma(coarse) / fine < WHITE


def _is_clipped(picture: np.ndarray) -> bool:
    """Tell whether a picture has black or white pixels, beyond which noise was cut."""
    return bool(picture.min() <= 0 or picture.max() >= 1)


def _deviation(details: np.ndarray) -> float:
    """Return the deviation of normal values by their median absolute value."""
    normal = 0.674490  # the median absolute value of a standard normal variable
    return float(np.median(np.abs(details)) / normal)


def local_mean(picture: np.ndarray) -> np.ndarray:
    """Return a picture [h, w, c] blurred by 2 pixels."""
    from scipy.ndimage import gaussian_filter

    mean: np.ndarray = gaussian_filter(picture.astype("float64"), (BLUR, BLUR, 0))
    return mean


def _resized(means: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return every second mean, as many as there are coefficients."""
    half = means[::2, ::2]
    rest = [(0, b - a) for a, b in zip(half.shape, shape, strict=True)]
    return np.pad(half, rest, mode="edge")


@lru_cache(maxsize=32)
def _clipping(sigma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means of normal variables, and their means and deviations when clipped.

    All by rising mean, which is from 4 deviations below 0 to 4 above 1.
    """
    from scipy.special import ndtr

    mean = np.linspace(-4 * sigma, 1 + 4 * sigma, 4001)
    low, high = -mean / sigma, (1 - mean) / sigma
    inside, above = ndtr(high) - ndtr(low), ndtr(-high)
    densities = [np.exp(-np.square(x) / 2) / np.sqrt(2 * np.pi) for x in (low, high)]
    first = mean * inside + sigma * (densities[0] - densities[1]) + above
    second = (mean**2 + sigma**2) * inside + above
    second += sigma * (mean * densities[0] - (mean + 1) * densities[1])
    return mean, first, np.sqrt(np.maximum(second - first**2, 0))
