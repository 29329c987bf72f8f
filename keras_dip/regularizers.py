"""Explicit priors R(x): a penalty on the picture itself, added to the data term.

The conventional approach minimises E(x; x0) + R(x) over the picture (`network="pixels"`
does), a deep image prior E alone over the weights of a network; the two can be mixed
(Ulyanov et al., CVPR 2018, section 2; Liu et al., ICASSP 2019). Any function from a
picture [1, H, W, C] to a scalar, written with `keras.ops`, can be R; these are the
usual ones.
"""

from collections.abc import Callable
from typing import Any

Regularizer = Callable[[Any], Any]

KINDS = ("isotropic", "anisotropic")


class TotalVariation:
    """Penalises differences of neighbouring pixels, so that edges may be sharp.

    With dx and dy the differences to the pixels on the right and below, "isotropic" is
    the mean of (dx^2 + dy^2)^beta over all pixels and channels, which is the total
    variation of Rudin, Osher and Fatemi (1992) at beta = 0.5, and "anisotropic" the
    mean of `|dx|^(2 beta) + |dy|^(2 beta)`. The last row and column are left out.

    Args:
        weight: factor of the penalty, above 0.
        kind: "isotropic" or "anisotropic".
        beta: power of the squared differences, above 0.

    Raises:
        ValueError: if an argument is none of these.
    """

    def __init__(
        self, weight: float, *, kind: str = "isotropic", beta: float = 0.5
    ) -> None:
        """Set weight, kind and power."""
        self.weight, self.beta = _positive("weight", weight), _positive("beta", beta)
        if kind not in KINDS:
            raise ValueError(f"Expected kind of {', '.join(KINDS)}. Received: {kind!r}")
        self.kind = kind

    def __call__(self, x: Any) -> Any:
        """Return the weighted penalty of a picture [1, H, W, C], a scalar."""
        from keras import ops

        dx, dy = _squared_differences(x)
        if self.kind == "anisotropic":
            total = self._power(dx) + self._power(dy)
        else:
            total = self._power(dx + dy)
        return self.weight * ops.mean(total)

    def _power(self, squares: Any) -> Any:
        # The slope of a root at 0 is infinite, and flat pictures have zeros only.
        return (squares + 1e-12) ** self.beta

    def __repr__(self) -> str:
        """Name the arguments, for records."""
        return (
            f"TotalVariation(weight={self.weight:g}, kind={self.kind!r}, "
            f"beta={self.beta:g})"
        )


class Tikhonov:
    """Penalises squared differences of neighbouring pixels: smooth, edges included.

    The mean of dx^2 + dy^2 over all pixels and channels.

    Args:
        weight: factor of the penalty, above 0.

    Raises:
        ValueError: if the weight is not a number above 0.
    """

    def __init__(self, weight: float) -> None:
        """Set the weight."""
        self.weight = _positive("weight", weight)

    def __call__(self, x: Any) -> Any:
        """Return the weighted penalty of a picture [1, H, W, C], a scalar."""
        from keras import ops

        dx, dy = _squared_differences(x)
        return self.weight * ops.mean(dx + dy)

    def __repr__(self) -> str:
        """Name the argument, for records."""
        return f"Tikhonov(weight={self.weight:g})"


def _squared_differences(x: Any) -> tuple[Any, Any]:
    """Return the squares of dx and dy without the last row and column.

    A row or a column alone counts as if it were doubled: its neighbours are itself.
    """
    from keras import ops

    for axis in (1, 2):
        if x.shape[axis] == 1:
            x = ops.repeat(x, 2, axis=axis)
    dx = x[:, :-1, 1:] - x[:, :-1, :-1]
    dy = x[:, 1:, :-1] - x[:, :-1, :-1]
    return ops.square(dx), ops.square(dy)


def _positive(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError(f"Expected {name} as a number above 0. Received: {value!r}")
    return float(value)
