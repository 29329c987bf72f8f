"""What a file makes of a noisy picture: values beyond black and white are cut."""

import math
from typing import Any

from keras import ops

NEWTON_STEPS = 5
"""Enough for 1e-5 on pictures in [0, 1], up to a sigma of 1."""


def clipped_mean(x: Any, sigma: Any) -> Any:
    """Return the mean of ``clip(x + sigma e, 0, 1)`` over e ~ N(0, 1), elementwise.

    The noise of a nearly black or white pixel is cut on one side, so that the file is
    on average brighter, or darker, than the picture was.

    Args:
        x: the picture without noise, in [0, 1].
        sigma: deviation of the noise before clipping, above 0.
    """
    low, high = -x / sigma, (1.0 - x) / sigma
    above = 1.0 - _normal(high)
    return x * _slope(x, sigma) + sigma * (_density(low) - _density(high)) + above


def undo_clipping(mean: Any, sigma: Any) -> Any:
    """Return the picture in [0, 1] whose noisy and clipped file has the given mean.

    The inverse of `clipped_mean`, by Newton's method; means that no picture in [0, 1]
    has become black or white.
    """
    x = ops.clip(mean, 0.0, 1.0)
    for _ in range(NEWTON_STEPS):
        x = x - (clipped_mean(x, sigma) - mean) / _slope(x, sigma)
        x = ops.clip(x, 0.0, 1.0)
    return x


def _slope(x: Any, sigma: Any) -> Any:
    """Return the derivative of `clipped_mean`: the share that is not cut."""
    return _normal((1.0 - x) / sigma) - _normal(-x / sigma)


def _normal(x: Any) -> Any:
    """Return the distribution function of a standard normal variable."""
    return (1.0 + ops.erf(x / math.sqrt(2))) / 2


def _density(x: Any) -> Any:
    return ops.exp(-ops.square(x) / 2) / math.sqrt(2 * math.pi)
