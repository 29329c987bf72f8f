"""Removal of JPEG artefacts: blocks and halos that rounding of coefficients left.

The file says by which steps each coefficient was rounded (`keras_dip.ops.jpeg`), so
that each is known up to half a step, some finely, most hardly at all. A mean squared
error of pixels takes the rounded picture for the truth in all of them.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.ops.jpeg import (
    BLOCK,
    SUBSAMPLINGS,
    coefficients,
    decoded_coefficients,
    split,
    standard_tables,
)
from keras_dip.tasks.base import (
    Arrays,
    Declaration,
    Option,
    Problem,
    Task,
    thin_skip,
)

_FAST: dict[str, Any] = {
    "network_options": thin_skip(32, 8),
    "latent": "picture+noise",
    "latent_channels": 5,
    "beta_2": 0.95,
    "steps": 400,
    "jitter": 0.1,
    "weight_average": 0.99,
    "quantisation": True,
    "dtype_policy": "auto",
    "stop": "auto",
}

_SNAIL_CHANNELS = (8, 16, 32, 64, 128)

DECLARATION = Declaration(
    name="dejpeg",
    class_name="DeJPEG",
    summary="Remove the artefacts of JPEG compression.",
    options=(
        Option(
            "quality",
            "int",
            "Quality that the picture was compressed with, 1 to 100, if its file does "
            "not tell because it was saved anew.",
        ),
        Option(
            "tables",
            "numbers",
            "Steps of quantisation instead of a quality: 64 numbers, row by row, or "
            "128, first those of luma, then those of chroma.",
        ),
        Option(
            "subsampling",
            "choice",
            "How colour was reduced, if the file does not tell: 4:2:0 if not given.",
            choices=tuple(SUBSAMPLINGS),
        ),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {
            "network_options": {
                "down_channels": _SNAIL_CHANNELS,
                "up_channels": _SNAIL_CHANNELS,
                "skip_channels": (0, 0, 0, 4, 4),
            },
            "latent_channels": 3,
            "steps": 2400,
            "jitter": 1 / 30,
            "average": 0.99,
            "average_from_first": True,
        },
    },
)

LARGEST_STEP = 65535
"""A table of a JPEG file holds 16 bits."""

PULL = 0.05
"""Weight of the distance from the middle of what the file allows.

Without it most coefficients are free, and the fit takes long to find any picture;
where it outweighs the rest, the artefacts are learnt.
"""

PLANES = ("luma", "chroma")

JITTER = 0.0158
"""Deviation of the noise on z for a mean step of one level: 0.14 at quality 10, 0.06 at
quality 50."""


def suited_jitter(tables: np.ndarray) -> float:
    """Return the noise on z that covers the artefacts, and not more of the picture.

    It goes with the root of the steps of luma's lower frequencies, which blocks are
    made of; `tables` is [n, 8, 8].
    """
    return float(np.clip(JITTER * np.sqrt(tables[0, :4, :4].mean()), 0.01, 0.2))


class DeJPEG(Task):
    """Remove the artefacts of JPEG; how it was compressed is known, or it is not.

    What is given here comes first, then what the picture's file tells. Where neither
    says by which steps the coefficients were rounded, the network alone has to tell
    artefacts from the picture, and the fit has to stop in time.

    Args:
        quality: 1 to 100, for libjpeg's standard tables.
        tables: the tables themselves, as integers from 1 to 65535: one of [8, 8] or 64
            numbers (row by row), or two or three of them, for luma and chroma or for Y,
            Cb and Cr, also as the dictionary `PIL.Image.Image.quantization`.
        subsampling: "4:4:4", "4:2:2" or "4:2:0"; None for that of the file, which is
            4:2:0 unless it tells otherwise.

    Raises:
        ValueError: if one of these is not as described, or if both quality and tables
            are given.
    """

    declaration = DECLARATION
    grid = 2 * BLOCK  # of blocks whose colours were halved
    chains = False  # what the file tells is of the last damage only

    def __init__(
        self,
        quality: int | None = None,
        *,
        tables: Any = None,
        subsampling: str | None = None,
    ) -> None:
        """Set what is known of the compression."""
        if quality is not None and tables is not None:
            raise ValueError("Expected a quality or tables. Received: both")
        if subsampling is not None and subsampling not in SUBSAMPLINGS:
            raise ValueError(
                f"Expected subsampling of {', '.join(SUBSAMPLINGS)}. "
                f"Received: {subsampling!r}"
            )
        self.quality = None if quality is None else _checked_quality(quality)
        self.subsampling = subsampling
        self.tables = None
        if self.quality is not None:
            self.tables = standard_tables(self.quality)
        elif tables is not None:
            self.tables = _checked_tables(tables)

    def informed_by(self, info: Any) -> Task:
        """Return the task with the tables and the subsampling of the file."""
        if info.jpeg is None:
            return self
        subsampling = self.subsampling or info.jpeg.subsampling
        if self.quality is not None:
            return DeJPEG(self.quality, subsampling=subsampling)
        tables = info.jpeg.tables if self.tables is None else self.tables
        return DeJPEG(tables=tables, subsampling=subsampling)

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem; the deviation of its artefacts is not known.

        Raises:
            ValueError: if it is neither grey nor RGB although JPEG is.
        """
        if self.tables is not None and picture.shape[2] not in (1, 3):
            raise ValueError(
                f"Expected a grey or RGB picture. Received: {picture.shape[2]} channels"
            )
        return replace(super().prepare(picture), sigma=None)

    def use_quantisation(self, problem: Problem) -> Problem:
        """Return the problem with its coefficients and their steps, if these are known.

        They are [1, H, W, 1] of luma and [1, H', W', 2] of chroma, in the units of
        `keras_dip.ops.jpeg`.
        """
        if self.tables is None:
            return problem
        observed = dict(problem.observed)
        planes = decoded_coefficients(observed["picture"], self._sampling)
        tables = split(_for_channels(self.tables, problem.shape[2]))
        for name, plane, steps in zip(PLANES, planes, tables, strict=False):
            blocks = plane.shape[1] // BLOCK, plane.shape[2] // BLOCK
            steps = np.tile(steps, (*blocks, 1))[np.newaxis]
            observed[f"{name}_steps"] = steps
            observed[name] = np.rint(plane / steps) * steps
        # All that is left between the picture and what is observed is rounding.
        return replace(
            problem, observed=observed, sigma=0.0, jitter=suited_jitter(self.tables)
        )

    @property
    def _sampling(self) -> str:
        return self.subsampling or "4:2:0"

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return how far x is from every picture that the same file could hold.

        Squared, and with a pull towards the middle of them; without tables the mean
        squared error. Both in [0, 1] units, per value of the picture.
        """
        if "luma" not in observed:
            return super().data_term(x, observed)
        from keras import ops

        total: Any = 0.0
        for name, plane in zip(PLANES, coefficients(x, self._sampling), strict=False):
            distance = ops.abs(plane - observed[name])
            outside = ops.relu(distance - observed[f"{name}_steps"] / 2)
            total = total + ops.sum(ops.square(outside) + PULL * ops.square(distance))
        return total / (255.0**2 * math.prod(x.shape))

    def built_in(self) -> Any:
        """Return what the data term has beside what is observed."""
        return self._sampling

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments, for records."""
        tables = None if self.tables is None else self.tables.tolist()
        return {
            "quality": self.quality,
            "tables": tables,
            "subsampling": self.subsampling,
        }


def _checked_quality(quality: Any) -> int:
    is_integer = isinstance(quality, (int, np.integer))
    if not is_integer or isinstance(quality, bool) or not 1 <= quality <= 100:
        raise ValueError(
            f"Expected quality as an integer from 1 to 100. Received: {quality!r}"
        )
    return int(quality)


def _checked_tables(tables: Any) -> np.ndarray:
    """Return tables as integers, [1, 2 or 3, 8, 8]."""
    if isinstance(tables, Mapping):
        tables = [tables[key] for key in sorted(tables)]
    try:
        array = np.asarray(tables, "float64")
    except (TypeError, ValueError):
        array = np.zeros(0)
    whole = array.size in (64, 128, 192) and array.shape[-1] in (8, *64 * np.r_[1:4])
    if not whole:
        raise ValueError(
            "Expected tables of 8 x 8 steps, one, two or three of them. "
            f"Received: {_described(tables, array)}"
        )
    fits = (array >= 1) & (array <= LARGEST_STEP) & (array == np.rint(array))
    if not fits.all():
        raise ValueError(
            f"Expected tables of integers from 1 to {LARGEST_STEP}. "
            f"Received: {array[~fits][0]:g}"
        )
    return array.reshape(-1, BLOCK, BLOCK).astype("int64")


def _described(tables: Any, array: np.ndarray) -> str:
    return f"shape {array.shape}" if array.size else repr(tables)


def _for_channels(tables: np.ndarray, channels: int) -> np.ndarray:
    """Return one table for each channel: the last given is that of those without."""
    return tables[np.minimum(np.arange(channels), len(tables) - 1)]
