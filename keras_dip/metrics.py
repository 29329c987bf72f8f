"""How far a picture is from a reference; for pictures in [0, 1]."""

import numpy as np


def psnr(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, over all pixels and channels.

    Both arrays have one shape and a peak of 1; equal pictures give infinity.
    """
    difference = picture.astype("float64")
    difference -= reference
    error = np.mean(np.square(difference, out=difference))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def ssim(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the structural similarity index of two [h, w, c] pictures in [0, 1].

    Computed by scikit-image with its 7 x 7 window, averaged over channels (Wang et al.,
    IEEE Transactions on Image Processing 13(4), 2004). Pictures below 7 pixels on a
    side, where that window does not fit, give NaN.
    """
    from skimage.metrics import structural_similarity

    if min(picture.shape[:2]) < 7:
        return float("nan")
    return float(
        structural_similarity(
            picture, reference.astype(picture.dtype), channel_axis=-1, data_range=1.0
        )
    )
