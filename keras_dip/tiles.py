"""Overlapping windows of a picture, and one picture from what was made of each.

All windows of a picture have one size, so that one network and one compiled step serve
them all. Where they overlap, each fades in with the distance from its own border, where
a network knows least of what is around; the weights of all add up to 1 everywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

OVERLAP = 64
"""Pixels of the restored picture that neighbouring windows share, at least."""

LEAST_SIDE = 128
"""Pixels of the smallest window; below, the overlap would be most of the work."""


@dataclass(frozen=True)
class Window:
    """A part of a picture: rows `top` to `top + height`, columns alike."""

    top: int
    left: int
    height: int
    width: int

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return this part of [1, H, W, C], as a view."""
        rows = slice(self.top, self.top + self.height)
        return array[:, rows, self.left : self.left + self.width]

    def scaled(self, factor: float) -> "Window":
        """Return the same part of a picture that is `factor` times as large."""
        values = (self.top, self.left, self.height, self.width)
        return Window(*(round(value * factor) for value in values))


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut: where windows begin on each axis, and their size.

    `shape` is (height, width) of the picture, `side` (height, width) of every window.
    """

    shape: tuple[int, int]
    side: tuple[int, int]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @property
    def windows(self) -> list[Window]:
        """All windows, row by row."""
        return [Window(y, x, *self.side) for y in self.tops for x in self.lefts]

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what each window weighs, by row [rows, h] and column [columns, w].

        The product of both is the weight of a pixel; over all windows it sums to 1.
        """
        rows = _weights(self.shape[0], self.side[0], self.tops)
        return rows, _weights(self.shape[1], self.side[1], self.lefts)


def tiling(shape: Sequence[int], side: int, overlap: int, grid: int = 1) -> Tiling:
    """Cut a picture of (height, width) pixels into windows of about `side` pixels.

    Args:
        shape: height and width.
        side: largest side of a window; up to `grid` - 1 more where the last window
            has to begin on the grid.
        overlap: pixels that neighbours share at least; below `side`.
        grid: windows begin at multiples of so many pixels.
    """
    (height, tops), (width, lefts) = (_axis(n, side, overlap, grid) for n in shape[:2])
    return Tiling((shape[0], shape[1]), (height, width), tops, lefts)


def _axis(
    length: int, side: int, overlap: int, grid: int
) -> tuple[int, tuple[int, ...]]:
    """Return the size of windows along an axis, and where they begin."""
    side = max(side - side % grid, grid)
    side += (length - side) % grid
    if length <= side:
        return length, (0,)
    # One step of the grid is lost where beginnings are rounded to it.
    count = -(-(length - side) // max(side - overlap - (grid - 1), 1)) + 1
    last = (length - side) // grid
    return side, tuple(round(i * last / (count - 1)) * grid for i in range(count))


def _weights(length: int, side: int, starts: Sequence[int]) -> np.ndarray:
    """Return the weights of the windows of one axis, float32 [windows, side]."""
    raw = np.ones((len(starts), side))
    for i, start in enumerate(starts):
        before = starts[i - 1] + side - start if i else 0
        after = start + side - starts[i + 1] if i + 1 < len(starts) else 0
        if before > 0:
            raw[i, :before] *= (np.arange(before) + 0.5) / before
        if after > 0:
            raw[i, side - after :] *= (np.arange(after)[::-1] + 0.5) / after
    total = np.zeros(length)
    for weights, start in zip(raw, starts, strict=True):
        total[start : start + side] += weights
    return np.stack(
        [w / total[s : s + side] for w, s in zip(raw, starts, strict=True)]
    ).astype("float32")


class Blend:
    """One picture [H, W, C] of those of all windows, added one by one in their order.

    Attributes:
        whole: the picture so far; weights are missing where windows are.
        count: how many windows were added.
        was_grey: whether they had no axis for channels.
    """

    def __init__(self, plan: Tiling) -> None:
        """Begin with nothing."""
        self.plan, self.count, self.was_grey = plan, 0, False
        self._windows, self._weights = plan.windows, plan.weights()
        self.whole = np.zeros((*plan.shape, 0), "float32")

    def add(self, part: np.ndarray) -> None:
        """Add the picture of the next window, [h, w] or [h, w, C]."""
        if self.count == 0:
            self.was_grey = part.ndim == 2
        part = part.reshape(*self.plan.side, -1)
        if self.count == 0:
            self.whole = np.zeros((*self.plan.shape, part.shape[-1]), "float32")
        row, column = divmod(self.count, len(self.plan.lefts))
        rows, columns = self._weights
        weight = rows[row][:, np.newaxis] * columns[column]
        inside = self._windows[self.count].of(self.whole[np.newaxis])[0]
        inside += weight[..., np.newaxis] * part
        self.count += 1


def blend(parts: Iterable[np.ndarray], plan: Tiling) -> np.ndarray:
    """Return one picture [H, W, C] from those of all windows, each [h, w, C]."""
    picture = Blend(plan)
    for part, _ in zip(parts, plan.windows, strict=True):
        picture.add(part)
    return picture.whole
