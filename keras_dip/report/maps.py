"""Numbers as colours: residuals, correlations and deviations."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

PERCENTILE = 99.5  # of all pixels; what is beyond is shown as the limit
LEAST = 1 / 255
DEVIATIONS = colormaps["magma"]
CORRELATIONS = colormaps["RdBu_r"]


def residual_map(residual: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a residual [h, w, c] as grey [h, w], 0.5 for none, and what white means.

    Channels are averaged; the second is in units of the residual.
    """
    grey = residual.mean(axis=-1)
    scale = max(float(np.percentile(np.abs(grey), PERCENTILE)), LEAST)
    return np.clip(0.5 + grey / (2 * scale), 0, 1), scale


def correlation_map(correlation: np.ndarray) -> np.ndarray:
    """Return numbers from -1 to 1 as colours [h, w, 3], white for 0."""
    colours: np.ndarray = CORRELATIONS((np.clip(correlation, -1, 1) + 1) / 2)
    return colours[..., :3]


def deviation_map(deviation: np.ndarray) -> tuple[np.ndarray, float, str]:
    """Return deviations [h, w] or [h, w, c] as colours [h, w, 3].

    Channels are averaged.

    Returns:
        The colours, the deviation of the brightest one, and all colours as a gradient
        of CSS.
    """
    plain = deviation if deviation.ndim == 2 else deviation.mean(axis=-1)
    highest = float(np.percentile(plain, PERCENTILE)) or LEAST
    levels = np.rint(np.clip(plain / highest, 0, 1) * 255).astype("uint8")
    table = DEVIATIONS(np.arange(256))[:, :3].astype("float32")
    colours: np.ndarray = table[levels]
    stops = ", ".join(to_hex(DEVIATIONS(share)) for share in np.linspace(0, 1, 7))
    return colours, highest, f"linear-gradient(90deg, {stops})"
