"""How far a picture is from a reference, and how noisy; for pictures in [0, 1]."""

import numpy as np


def psnr(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, over all pixels and channels.

    Both arrays have one shape and a peak of 1; equal pictures give infinity.
    """
    error = np.mean(np.square(picture.astype("float64") - reference))
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


def noise_sigma(picture: np.ndarray) -> float:
    """Return the estimated deviation of Gaussian noise in a picture [h, w, c].

    The median absolute deviation of its finest wavelet coefficients, averaged over
    channels (Donoho and Johnstone, Biometrika 81, 1994), by scikit-image. 0 for
    pictures below 4 pixels on a side.
    """
    from skimage.restoration import estimate_sigma

    if min(picture.shape[:2]) < 4:
        return 0.0
    sigma = estimate_sigma(picture, channel_axis=-1, average_sigmas=True)
    return float(np.nan_to_num(sigma))


WHITE = 1.6
"""Ratio of coarse to fine noise up to which it counts as white: white noise measures
1.0 to 1.4 (the picture's own detail adds to it), blurred noise 2 to 5."""


def noise_is_white(picture: np.ndarray) -> bool:
    """Tell whether the noise of a picture [h, w, c] is independent from pixel to pixel.

    The mean of 2 x 2 pixels halves the deviation of white noise; what demosaicing,
    enlarging or JPEG left behind is smooth and remains. False where there is none.
    """
    height, width, channels = (
        s // 2 if i < 2 else s for i, s in enumerate(picture.shape)
    )
    blocks = picture[: 2 * height, : 2 * width]
    coarse = blocks.reshape(height, 2, width, 2, channels).mean(axis=(1, 3))
    fine = noise_sigma(picture)
    return fine > 0 and 2 * noise_sigma(coarse) / fine < WHITE
