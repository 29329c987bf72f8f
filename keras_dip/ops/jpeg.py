"""What JPEG does to a picture, as an operator that gradients pass through.

A picture becomes luma and two chroma planes (JFIF 1.02), chroma is averaged over pairs
or squares of pixels, each plane is cut into blocks of 8x8, and the discrete cosine
transform of each block is divided by a table of steps and rounded (ITU-T T.81). The
way back is that of libjpeg: chroma is interpolated with weights 3/4 and 1/4, and what
leaves the range of a picture is clipped.

Planes are in levels, 0 to 255 less 128, and their transform is kept in place of the
pixels of each block, so that coefficients have the shape of their plane. The transform
is orthonormal: distances of coefficients are distances of pixels.

Rounding and clipping have no useful gradient. They are exact on the way forward, as the
operator is to be the real degradation, and count as the identity on the way back
("straight-through"). The soft roundings of the literature follow a cubic between two
integers, which is level at each integer: there, where most coefficients of a strongly
compressed picture are, the fit would get no gradient at all.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

BLOCK = 8
"""Side of a block in pixels."""

SUBSAMPLINGS = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
"""How many rows and columns of pixels share one sample of chroma."""

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_CORNER = (
    (17, 18, 24, 47),
    (18, 21, 26, 66),
    (24, 26, 56, 99),
    (47, 66, 99, 99),
)
"""Example tables K.1 and K.2 of ITU-T T.81; K.2 is 99 outside its corner."""

# Rows: Y, Cb, Cr of red, green, blue (JFIF 1.02, which is BT.601 at full range).
_TO_YCBCR = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168735892, -0.331264108, 0.5],
        [0.5, -0.418687589, -0.081312411],
    ]
)
_TO_RGB = np.linalg.inv(_TO_YCBCR)


def standard_tables(quality: int) -> np.ndarray:
    """Return the tables of luma and chroma that libjpeg uses for a quality.

    Args:
        quality: 1 to 100.

    Returns:
        Integers from 1 to 255, [2, 8, 8].
    """
    chroma = np.full((BLOCK, BLOCK), 99)
    chroma[:4, :4] = _CHROMA_CORNER
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    scaled = (np.stack([_LUMA, chroma]) * percent + 50) // 100
    return scaled.clip(1, 255)


def jpeg(x: Any, tables: np.ndarray, subsampling: str) -> Any:
    """Return a picture as it comes back from a JPEG file.

    Args:
        x: [n, h, w, c] in [0, 1], grey (c = 1) or RGB (c = 3).
        tables: steps of the coefficients, [c, 8, 8]: of luma, or of Y, Cb and Cr.
        subsampling: "4:4:4", "4:2:2" or "4:2:0"; of no meaning for grey.

    Returns:
        The same shape, in [0, 1]; not rounded to the 256 levels of a file.
    """
    from keras import ops

    planes = []
    for plane, steps in zip(_planes(x, subsampling), split(tables), strict=True):
        plane = _transform(_straight_through(plane, ops.round), inverse=False)
        each = ops.tile(steps, (plane.shape[1] // BLOCK, plane.shape[2] // BLOCK, 1))
        plane = _straight_through(plane / each, ops.round) * each
        planes.append(_straight_through(_transform(plane, inverse=True), _to_levels))
    decoded = _joined(planes, x.shape[1:3], subsampling)
    return _straight_through(decoded, lambda values: ops.clip(values, 0.0, 1.0))


def split(tables: np.ndarray) -> list[np.ndarray]:
    """Return tables [c, 8, 8] as those of luma [8, 8, 1] and of chroma [8, 8, 2]."""
    last = np.moveaxis(np.asarray(tables, "float32"), 0, -1)
    return [last] if last.shape[-1] == 1 else [last[..., :1], last[..., 1:]]


def coefficients(x: Any, subsampling: str) -> list[Any]:
    """Return the coefficients of a picture before they are divided and rounded.

    Args:
        x: [n, h, w, 1] or [n, h, w, 3] in [0, 1].
        subsampling: one of `SUBSAMPLINGS`.

    Returns:
        Those of luma [n, H, W, 1] and, for colour, of chroma [n, H', W', 2]; sides are
        multiples of 8, which the picture's last pixels, repeated, fill up.
    """
    return [_transform(p, inverse=False) for p in _planes(x, subsampling)]


def _planes(x: Any, subsampling: str) -> list[Any]:
    """Return the planes of a picture: luma and, for colour, chroma, in whole blocks."""
    from keras import ops

    if x.shape[-1] == 1:
        return [_to_blocks(x * 255.0 - 128.0)]
    x = ops.einsum("yc,nhwc->nhwy", ops.cast(_TO_YCBCR * 255, x.dtype), x)
    rows, columns = SUBSAMPLINGS[subsampling]
    chroma = _repeat_edge(x[..., 1:], rows, columns)
    n, height, width, _ = chroma.shape
    shape = (n, height // rows, rows, width // columns, columns, 2)
    chroma = ops.mean(ops.reshape(chroma, shape), axis=(2, 4))
    return [_to_blocks(x[..., :1] - 128.0), _to_blocks(chroma)]


def picture(planes: Sequence[Any], size: Sequence[int], subsampling: str) -> Any:
    """Return the picture that coefficients stand for; linear but for a constant.

    Args:
        planes: as `coefficients` returns them.
        size: height and width of the picture.
        subsampling: one of `SUBSAMPLINGS`.

    Returns:
        [n, h, w, 1] or [n, h, w, 3]; may leave [0, 1].
    """
    back = [_transform(plane, inverse=True) for plane in planes]
    return _joined(back, size, subsampling)


def _joined(planes: Sequence[Any], size: Sequence[int], subsampling: str) -> Any:
    """Return the picture of planes, with chroma interpolated as libjpeg does it."""
    from keras import ops

    height, width = size
    luma = planes[0][:, :height, :width] + 128.0
    if len(planes) == 1:
        return luma / 255.0
    rows, columns = SUBSAMPLINGS[subsampling]
    chroma = planes[1][:, : -(-height // rows), : -(-width // columns)]
    # libjpeg repeats samples where there are too few columns to interpolate.
    smooth = chroma.shape[2] > 2
    if columns == 2:
        chroma = _doubled(chroma, axis=2, smooth=smooth)
    if rows == 2:
        chroma = _doubled(chroma, axis=1, smooth=smooth)
    whole = ops.concatenate([luma, chroma[:, :height, :width]], axis=-1)
    return ops.einsum("cy,nhwy->nhwc", ops.cast(_TO_RGB / 255, whole.dtype), whole)


def decoded_coefficients(decoded: np.ndarray, subsampling: str) -> list[np.ndarray]:
    """Return the coefficients that a decoded picture came from, up to its rounding.

    Averaging the chroma of a decoded picture does not give its samples back, because
    the decoder interpolated them: each average holds 1/8 of either neighbour. That is
    undone here. What was clipped stays lost.

    Args:
        decoded: [1, h, w, 1] or [1, h, w, 3] in [0, 1].
        subsampling: one of `SUBSAMPLINGS`.

    Returns:
        float32 arrays of the shapes that `coefficients` returns.
    """
    from keras import ops

    found = [
        ops.convert_to_numpy(plane)
        for plane in coefficients(decoded.astype("float32"), subsampling)
    ]
    if len(found) == 1 or subsampling == "4:4:4":
        return found
    rows, columns = SUBSAMPLINGS[subsampling]
    samples = ops.convert_to_numpy(_transform(found[1], inverse=True))
    height, width = decoded.shape[1:3]
    samples = samples[:, : -(-height // rows), : -(-width // columns)]
    if samples.shape[2] > 2:
        if columns == 2:
            samples = _unblurred(samples, 2, odd=width % 2 == 1)
        if rows == 2:
            samples = _unblurred(samples, 1, odd=height % 2 == 1)
    blocks = _to_blocks(samples.astype("float32"))
    found[1] = ops.convert_to_numpy(_transform(blocks, inverse=False))
    return found


def _straight_through(x: Any, function: Any) -> Any:
    """Return function(x), whose gradient is taken for that of x."""
    from keras import ops

    return x + ops.stop_gradient(function(x) - x)


def _to_levels(plane: Any) -> Any:
    """Round a plane to the 256 levels that a decoder has."""
    from keras import ops

    return ops.clip(ops.round(plane), -128.0, 127.0)


def _repeat_edge(x: Any, rows: int, columns: int) -> Any:
    """Repeat the last row and column until the sides are multiples."""
    from keras import ops

    for axis, multiple in ((1, rows), (2, columns)):
        missing = -x.shape[axis] % multiple
        if missing:
            last = x[:, -1:] if axis == 1 else x[:, :, -1:]
            x = ops.concatenate([x, ops.repeat(last, missing, axis=axis)], axis=axis)
    return x


def _to_blocks(x: Any) -> Any:
    return _repeat_edge(x, BLOCK, BLOCK)


def _transform(plane: Any, *, inverse: bool) -> Any:
    """Apply the cosine transform, or its inverse, to each block of [n, H, W, c]."""
    from keras import ops

    n, height, width, channels = plane.shape
    shape = (n, height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels)
    matrix = _cosines().T if inverse else _cosines()
    matrix = ops.cast(matrix, plane.dtype)
    blocks = ops.einsum("ui,nyixjc->nyuxjc", matrix, ops.reshape(plane, shape))
    blocks = ops.einsum("vj,nyuxjc->nyuxvc", matrix, blocks)
    return ops.reshape(blocks, plane.shape)


@lru_cache
def _cosines() -> np.ndarray:
    """Return the orthonormal matrix of the cosine transform of type II, [8, 8]."""
    frequency, place = np.ogrid[:BLOCK, :BLOCK]
    matrix = np.cos(np.pi * frequency * (2 * place + 1) / (2 * BLOCK)) / 2
    matrix[0] /= np.sqrt(2)
    return matrix.astype("float32")


def _doubled(x: Any, axis: int, *, smooth: bool) -> Any:
    """Double one side of [n, h, w, c]; smooth: 3/4 of the nearer, 1/4 of the other."""
    from keras import ops

    if not smooth:
        return ops.repeat(x, 2, axis=axis)
    if axis == 1:
        before = ops.concatenate([x[:, :1], x[:, :-1]], axis=axis)
        after = ops.concatenate([x[:, 1:], x[:, -1:]], axis=axis)
    else:
        before = ops.concatenate([x[:, :, :1], x[:, :, :-1]], axis=axis)
        after = ops.concatenate([x[:, :, 1:], x[:, :, -1:]], axis=axis)
    pair = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    shape = list(x.shape)
    shape[axis] *= 2
    return ops.reshape(pair, shape)


def _unblurred(samples: np.ndarray, axis: int, *, odd: bool) -> np.ndarray:
    """Undo what `_doubled` and the average of each pair do to one side, together.

    Where the side is odd its last pixel is alone: 3/4 of its sample, 1/4 of the other.
    """
    from scipy.linalg import solve_banded

    count = samples.shape[axis]
    if count == 1:
        return samples
    bands = np.full((3, count), 1 / 8)
    bands[1] = 3 / 4
    bands[1, [0, -1]] = 7 / 8
    if odd:
        bands[1, -1], bands[2, -2] = 3 / 4, 1 / 4
    lines = np.moveaxis(samples, axis, 0)
    solved = solve_banded((1, 1), bands, lines.reshape(count, -1))
    return np.moveaxis(solved.reshape(lines.shape), 0, axis)
