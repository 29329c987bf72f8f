"""Variance stabilisation: scales on which noise is nearly Gaussian, of one deviation.

Each transform maps [0, 1] onto [0, 1]; values above 1 are allowed. `sigma` is the
noise's deviation where the picture is white.
"""

import math
from typing import Any

import numpy as np
from keras import ops


class Anscombe:
    """For photon counts: ``2 sqrt(n + 3/8)`` of n, Poisson, has a deviation of 1.

    Anscombe, Biometrika 35, 1948. A picture of at most P photons per pixel has
    sigma = 1 / sqrt(P).

    Attributes:
        sigma: as given.
        peak: P.
        deviation: of the noise on the new scale.
    """

    def __init__(self, sigma: float) -> None:
        """Set the noise level, above 0."""
        self.sigma, self.peak = sigma, 1 / sigma**2
        self._black, white = (2 * math.sqrt(n + 3 / 8) for n in (0.0, self.peak))
        self._span = white - self._black
        self.deviation = 1 / self._span

    def forward(self, y: np.ndarray) -> np.ndarray:
        """Return a noisy picture on the scale of constant noise."""
        root = 2 * np.sqrt(self.peak * np.maximum(y, 0) + 3 / 8)
        scaled: np.ndarray = (root - self._black) / self._span
        return scaled.astype("float32")

    def inverse(self, mean: Any) -> Any:
        """Return the picture whose noisy versions have this mean on that scale.

        Not the inverse of `forward`, which would be too dark: Makitalo and Foi, IEEE
        Transactions on Image Processing 20, 2011, equation 10.
        """
        d = ops.maximum(mean, 0.0) * self._span + self._black
        root = math.sqrt(3 / 2)
        counts = d**2 / 4 + root / 4 / d - 11 / 8 / d**2 + 5 / 8 * root / d**3 - 1 / 8
        return counts / self.peak

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Return how much `forward` grows with a picture x."""
        slope: np.ndarray = self.peak / np.sqrt(self.peak * x + 3 / 8) / self._span
        return slope

    def thin(
        self, scaled: np.ndarray, share: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Split the photons of a picture at random into two independent pictures.

        Args:
            scaled: the picture on the new scale.
            share: of the photons that go to the second.
            rng: what draws them.

        Returns:
            The first picture on the new scale, then both together and the second one as
            pictures in [0, 1].
        """
        root = np.maximum(scaled * self._span + self._black, 0)
        counts = np.rint(np.maximum(root**2 / 4 - 3 / 8, 0)).astype("int64")
        moved = rng.binomial(counts, share)
        first = 2 * np.sqrt((counts - moved + 3 / 8) / (1 - share))
        change = (first - 2 * np.sqrt(counts + 3 / 8)) / self._span
        both, second = counts / self.peak, moved / share / self.peak
        return (scaled + change).astype("float32"), both, second


class Logarithm:
    """For speckle: ``log(x (1 + s e))`` has the same deviation whatever x is.

    Attributes:
        sigma: as given.
        deviation: of the noise on the new scale.
    """

    OFFSET = 0.01
    """Added first: what is darker has weaker noise than the model says."""

    def __init__(self, sigma: float) -> None:
        """Set the noise level, above 0 and relative to the picture."""
        self.sigma = sigma
        self._black, white = math.log(self.OFFSET), math.log(1 + self.OFFSET)
        self._span = white - self._black
        noisy = np.log(np.maximum(1 + sigma * _normal_values(), 0) + self.OFFSET)
        self.deviation = float(noisy.std()) / self._span
        self._shift = white - float(noisy.mean())

    def forward(self, y: np.ndarray) -> np.ndarray:
        """Return a noisy picture on the scale of constant noise."""
        logarithm = np.log(np.maximum(y, 0) + self.OFFSET)
        scaled: np.ndarray = (logarithm - self._black) / self._span
        return scaled.astype("float32")

    def inverse(self, mean: Any) -> Any:
        """Return the picture whose noisy versions have this mean on that scale."""
        return ops.exp(mean * self._span + self._black + self._shift) - self.OFFSET


def _normal_values() -> np.ndarray:
    """Return evenly likely values of a standard normal variable."""
    from scipy.special import ndtri

    values: np.ndarray = ndtri((np.arange(4096) + 0.5) / 4096)
    return values
