"""Blur: convolution with a point spread function (PSF), the picture of a point.

For a PSF k of [m, n] whose centre is its pixel (m // 2, n // 2),

    (A x)[i, j] = sum over p, q of k[p, q] x[i - p + m // 2, j - q + n // 2],

a convolution, not a correlation: a point comes out as k, not as k turned round. A side
of an odd number of pixels is centred in its middle, one of an even number one pixel
after the first half. Borders are mirrored with the outermost pixel repeated
("symmetric" in NumPy, "reflect" in SciPy), so that a constant picture stays as it is.
"""

import math
from typing import Any

import numpy as np

TRUNCATE = 4.0
"""Deviations at which a Gaussian is cut off."""

DIRECT = 150
"""Pixels of a PSF up to which a convolution is cheaper than Fourier transforms."""

FRACTIONS = 16
"""Sample points per pixel and side from which the area of a disk is known."""


def gaussian_profile(deviation: float) -> np.ndarray:
    """Return one side of a Gaussian PSF, float64 summing to one.

    Args:
        deviation: standard deviation in pixels.
    """
    radius = math.floor(TRUNCATE * deviation + 0.5)
    distance = np.arange(-radius, radius + 1) / deviation
    profile = np.exp(-np.square(distance) / 2)
    return profile / profile.sum()


def motion_psf(length: float, angle: float) -> np.ndarray:
    """Return the PSF of a straight, even motion, float64 summing to one.

    A pixel's weight is the length of the path inside its square.

    Args:
        length: of the path in pixels; its middle is the middle pixel.
        angle: of the path in degrees, counter-clockwise from the horizontal.
    """
    turned = math.radians(angle)
    direction = np.array([-math.sin(turned), math.cos(turned)])  # rows go down
    radius = np.rint(np.abs(direction) * length / 2).astype(int)
    cuts = [np.array([-length / 2, length / 2])]
    for part, far in zip(direction, radius, strict=True):
        if abs(part) > 1e-9:
            # Where the path crosses from one pixel into the next.
            cuts.append((np.arange(-far, far) + 0.5) / part)
    along = np.sort(np.concatenate(cuts).clip(-length / 2, length / 2))
    middle = (along[1:] + along[:-1])[:, np.newaxis] / 2 * direction
    places = np.rint(middle).astype(int).clip(-radius, radius) + radius
    psf = np.zeros(2 * radius + 1)
    np.add.at(psf, tuple(places.T), np.diff(along))
    return psf / psf.sum()


def disk_psf(radius: float) -> np.ndarray:
    """Return the PSF of a lens out of focus, float64 summing to one.

    A pixel's weight is the area of the disk inside its square.

    Args:
        radius: of the disk in pixels.
    """
    reach = math.ceil(radius - 0.5)
    inner = (np.arange(FRACTIONS) + 0.5) / FRACTIONS - 0.5
    distances = np.square(np.add.outer(inner, np.arange(-reach, reach + 1)))
    psf = np.zeros((2 * reach + 1, 2 * reach + 1))
    for rows in distances:
        for columns in distances:
            psf += np.add.outer(rows, columns) <= radius**2
    return psf / psf.sum()


def blur(x: Any, psf: np.ndarray) -> Any:
    """Blur a picture [n, h, w, c] with a PSF, which is no larger than it.

    A small PSF is slid over the picture, a large one multiplied with it behind the
    Fourier transform, whose cost does not depend on the PSF.
    """
    if psf.size <= DIRECT:
        return _slide(_mirror(x, *psf.shape), psf)
    return _multiply(_mirror(x, *psf.shape), psf)


def blur_separably(x: Any, profile: np.ndarray) -> Any:
    """Blur [n, h, w, c] with the PSF whose rows and columns both are `profile`."""
    x = _mirror(x, len(profile), len(profile))
    x = _slide(x, profile[:, np.newaxis])
    return _slide(x, profile[np.newaxis])


def transfer(psf: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return by how much the blur weakens each frequency, [height, width].

    The absolute values of the PSF's Fourier transform, in NumPy's order. Borders are
    taken as periodic.
    """
    gain: np.ndarray = np.abs(np.fft.fft2(psf, (height, width)))
    return gain


def sharpened(picture: np.ndarray, psf: np.ndarray, softening: float) -> np.ndarray:
    """Return a blurred picture [h, w, c] multiplied by a softened inverse, float32.

    Wiener's filter conj(a) / (|a|^2 + softening), where the blur multiplies a frequency
    by a. The picture is mirrored to twice its size, so that its borders meet.
    """
    wide = np.concatenate([picture, picture[::-1]])
    wide = np.concatenate([wide, wide[:, ::-1]], axis=1)
    size = wide.shape[:2]
    centred = np.zeros(size)
    centred[: psf.shape[0], : psf.shape[1]] = psf
    centre = [side // 2 for side in psf.shape]
    a = np.fft.fft2(np.roll(centred, [-c for c in centre], (0, 1)))[..., np.newaxis]
    inverse = a.conj() / (np.abs(a) ** 2 + softening)
    out = np.fft.ifft2(np.fft.fft2(wide, axes=(0, 1)) * inverse, axes=(0, 1)).real
    inside: np.ndarray = out[: picture.shape[0], : picture.shape[1]].astype("float32")
    return inside


def _mirror(x: Any, height: int, width: int) -> Any:
    """Pad a picture so that a PSF of this size fits at each of its pixels."""
    from keras import ops

    sides = [(n - 1 - n // 2, n // 2) for n in (height, width)]
    return ops.pad(x, [(0, 0), *sides, (0, 0)], mode="symmetric")


def _slide(x: Any, psf: np.ndarray) -> Any:
    """Convolve with a PSF, channel by channel, where it lies inside the picture."""
    from keras import ops

    turned = psf[::-1, ::-1, np.newaxis, np.newaxis]
    kernel = ops.cast(np.repeat(turned, x.shape[3], axis=2), x.dtype)
    return ops.depthwise_conv(x, kernel, padding="valid")


def _multiply(x: Any, psf: np.ndarray) -> Any:
    """Do the same by the Fourier transform, in float32."""
    from keras import ops
    from scipy.fft import next_fast_len

    size = x.shape[1:3]
    fast = [next_fast_len(side) for side in size]
    ends = [(0, f - s) for f, s in zip(fast, size, strict=True)]
    planes = ops.pad(ops.transpose(x, (0, 3, 1, 2)), [(0, 0), (0, 0), *ends])
    planes = ops.cast(planes, "float32")
    gain = np.fft.fft2(psf, fast)
    a, b = gain.real.astype("float32"), gain.imag.astype("float32")
    real, imaginary = ops.fft2((planes, ops.zeros_like(planes)))
    product = (real * a - imaginary * b, real * b + imaginary * a)
    planes, _ = ops.ifft2(product)
    top, left = (side - 1 for side in psf.shape)
    inside = ops.transpose(planes, (0, 2, 3, 1))[:, top : size[0], left : size[1]]
    return ops.cast(inside, x.dtype)
