"""How far each pixel of a mean of several fits may be off."""

import numpy as np

BINS = 8


def calibrated_deviation(
    pictures: np.ndarray, squared_error: np.ndarray | None = None
) -> np.ndarray:
    """Return the standard deviation of the error of the mean of pictures.

    The members differ where the picture is hard; what they have in common, their bias,
    they do not show. The variance of the mean is therefore calibrated: pixels are
    binned by it, and a line ``error^2 = a + c * variance``, a and c >= 0, is put
    through the bins' observed squared errors.

    Args:
        pictures: [K, H, W, C] in [0, 1], K >= 2.
        squared_error: estimated squared error of the mean at each pixel [H, W, C], as
            noisy as it may be, NaN where unknown. None leaves the variance as it is.

    Returns:
        float32 [H, W, C], in units of the picture.
    """
    variance = pictures.var(axis=0, ddof=1) / len(pictures)
    known = np.zeros(0) if squared_error is None else np.isfinite(squared_error)
    if squared_error is not None and known.sum() >= BINS:
        constant, factor = _line(variance[known], squared_error[known])
        # Estimates too noisy to be above 0 on average say nothing.
        if constant or factor:
            variance = constant + factor * variance
    return np.sqrt(variance).astype("float32")


def _line(variance: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Return the line through equally filled bins, with neither number below 0."""
    from scipy.optimize import nnls

    order = np.argsort(variance, kind="stable")
    bins = np.array_split(order, BINS)
    x = np.array([variance[i].mean() for i in bins])
    y = np.array([error[i].mean() for i in bins])
    # Both columns of one size: the solver's tolerance is absolute.
    scale = x.mean() or 1.0
    (constant, factor), _ = nnls(np.stack([np.full(BINS, scale), x], axis=1) / scale, y)
    return float(constant), float(factor / scale)
