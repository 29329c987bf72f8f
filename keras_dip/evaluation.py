"""How well pictures are restored: pairs in a folder, and how two are compared.

The protocol is that of the literature, so that figures can be put beside published
ones: PSNR and SSIM are taken from the integers that a picture file would hold, over all
channels or on the luma of BT.601, with or without a border.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from keras_dip import images, metrics
from keras_dip.degradations import Degradation, crop, degrade, resized
from keras_dip.errors import ImageError
from keras_dip.images.convert import quantise, to_unit
from keras_dip.images.formats import SUFFIXES
from keras_dip.images.info import Array, Depth, Floats

CLEAN, MASK = "_GT", "_mask"


@dataclass(frozen=True)
class Pair:
    """The files of one picture to restore; without `degraded` it has to be made."""

    clean: Path
    degraded: Path | None = None
    mask: Path | None = None

    @property
    def name(self) -> str:
        """What the pair is called in tables."""
        return (self.degraded or self.clean).stem

    @property
    def files(self) -> list[Path]:
        """All files of the pair."""
        return [f for f in (self.clean, self.degraded, self.mask) if f]


@dataclass(frozen=True, eq=False)
class Case:
    """A picture to restore and what is known about it.

    Attributes:
        clean: The undamaged picture, floats in [0, 1], [H, W] or [H, W, 3].
        degraded: The damaged one, integers, [h, w] or [h, w, 3].
        mask: Where `degraded` is known, booleans [h, w] or [h, w, 3]; or None.
        jpeg: How the file of `degraded` was coded, if it was a JPEG and is whole.
    """

    clean: Floats
    degraded: Array
    mask: Array | None = None
    jpeg: images.JpegCoding | None = None

    @property
    def depth(self) -> Depth:
        """The integers in which pictures are compared."""
        return "uint16" if self.degraded.dtype == np.uint16 else "uint8"

    def unrestored(self) -> Floats:
        """Return what there is without a restoration, in the size of the clean one.

        Missing pixels are black; a smaller picture is enlarged by Pillow's bicubic.
        """
        floats = to_unit(self.degraded)
        if self.mask is not None:
            mask = self.mask
            return floats * (mask[..., None] if mask.ndim < floats.ndim else mask)
        if floats.shape[:2] == self.clean.shape[:2]:
            return floats
        height, width = self.clean.shape[:2]
        return to_unit(resized(floats, width, height, Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class Protocol:
    """How two pictures are compared: on "rgb" or "luma", without a border."""

    on: str = "rgb"
    border: int = 0

    def scores(
        self, picture: Floats, clean: Floats, depth: Depth = "uint8"
    ) -> tuple[float, float]:
        """Return PSNR in dB and SSIM of a picture as a file of `depth` would hold it.

        Raises:
            ImageError: If the shapes differ, or the border leaves nothing.
        """
        if picture.shape != clean.shape:
            raise ImageError(
                f"Expected a picture of the clean one's shape, {clean.shape}. "
                f"Received: {picture.shape}."
            )
        if min(clean.shape[:2]) <= 2 * self.border:
            raise ImageError(
                f"Expected a picture with more than a border of {self.border} pixels. "
                f"Received: {clean.shape[1]}x{clean.shape[0]} pixels."
            )
        rounded = to_unit(quantise(picture, depth))
        mine, theirs = self._seen(rounded), self._seen(clean)
        return metrics.psnr(mine, theirs), metrics.ssim(mine, theirs)

    def _seen(self, picture: Floats) -> Floats:
        picture = picture[..., None] if picture.ndim == 2 else picture
        if self.on == "luma":
            picture = luma(picture)
        rows, columns = (
            slice(self.border, side - self.border) for side in picture.shape[:2]
        )
        return picture[rows, columns]


def luma(picture: Floats) -> Floats:
    """Return the luma of BT.601, [H, W, 1] from 16/255 to 235/255; peak 1.

    A grey picture counts as one of three equal channels.
    """
    red, green, blue = np.moveaxis(
        np.broadcast_to(picture, (*picture.shape[:2], 3)), -1, 0
    )
    weighted = 65.481 * red + 128.553 * green + 24.966 * blue
    return ((weighted + 16) / 255)[..., None]


def find_pairs(folder: str | os.PathLike[str], *, clean_alone: bool) -> list[Pair]:
    """Return the pairs of a folder, by name.

    Args:
        folder: With pictures NAME_GT and, beside them, degraded ones NAME_*; those
            called NAME_mask are masks.
        clean_alone: Take only clean pictures: those called NAME_GT, or all of them
            where there is none.

    Raises:
        ImageError: If it is no folder, or there is nothing in it.
    """
    try:
        files = sorted(Path(folder).iterdir())
    except OSError as error:
        raise ImageError(
            f"Expected a folder of pictures. Received: {os.fspath(folder)!r} "
            f"({error.strerror})."
        ) from error
    pictures = [file for file in files if file.suffix.lower() in SUFFIXES]
    clean = [file for file in pictures if file.stem.endswith(CLEAN)]
    if clean_alone:
        pairs = [Pair(file) for file in clean or pictures]
    else:
        pairs = [pair for file in clean for pair in _pairs_of(file, clean, pictures)]
    if not pairs:
        wanted = "pictures" if clean_alone else "pictures NAME_GT and NAME_* beside"
        raise ImageError(
            f"Expected a folder of {wanted}. Received: {os.fspath(folder)!r}, which "
            "has none."
        )
    return sorted(pairs, key=lambda pair: pair.name)


def _pairs_of(clean: Path, all_clean: Iterable[Path], files: list[Path]) -> list[Pair]:
    """Return the pairs of one clean picture, or one without anything degraded."""
    names = [_name(file) for file in all_clean]
    mine = []
    for file in files:
        owners = [name for name in names if file.stem.startswith(f"{name}_")]
        # a_b_noisy belongs to a_b, not to a.
        is_mine = max(owners, key=len, default=None) == _name(clean)
        if is_mine and not file.stem.endswith(CLEAN):
            mine.append(file)
    masks = [file for file in mine if file.stem == _name(clean) + MASK]
    mask = masks[0] if masks else None
    degraded = [file for file in mine if file not in masks]
    return [Pair(clean, file, mask) for file in degraded] or [Pair(clean, None, mask)]


def _name(clean: Path) -> str:
    return clean.stem.removesuffix(CLEAN)


def load(
    pair: Pair,
    *,
    task: str,
    degradation: Degradation | None = None,
    crop_multiple: int = 1,
    seed: int = 0,
) -> Case:
    """Read the files of a pair, or make what is missing of it.

    Args:
        pair: The files.
        task: Name of the task; for "inpaint" there is a mask.
        degradation: What is done to the clean picture, instead of reading another.
        crop_multiple: The clean picture is cropped around its centre to multiples of
            this; what has its size is cropped in the same way.
        seed: Seed of noise and missing pixels.

    Raises:
        ImageError: If a file cannot be read, or there is no degraded picture or mask.
    """
    whole, _ = images.read(pair.clean)
    clean = crop(whole, crop_multiple)
    if degradation is not None:
        degraded, mask = degrade(clean, degradation, seed)
        return Case(clean, degraded, mask)

    def like_clean(array: Array) -> Array:
        same = array.shape[:2] == whole.shape[:2]
        return crop(array, crop_multiple) if same else array

    if task == "inpaint":
        picture, mask = _with_mask(pair)
        return Case(clean, like_clean(picture), like_clean(mask))
    if pair.degraded is None:
        raise ImageError(
            f"Expected a degraded picture beside {str(pair.clean)!r} (or --degrade). "
            "Received: none."
        )
    floats, info = images.read(pair.degraded)
    degraded = like_clean(quantise(floats, info.dtype))
    # A crop may cut through blocks.
    coding = info.jpeg if degraded.shape == floats.shape else None
    return Case(clean, degraded, jpeg=coding)


def _with_mask(pair: Pair) -> tuple[Array, Array]:
    """Return the picture with holes, and where it is known.

    By the mask's file, or the transparency, or else the black pixels are missing.
    """
    floats, info = images.read(pair.degraded or pair.clean)
    picture = quantise(floats, info.dtype)
    if pair.mask is not None:
        return picture, images.read_mask(pair.mask).astype(bool)
    if info.alpha is not None:
        return picture, to_unit(info.alpha) > 0.5
    known: Array = np.asarray(np.atleast_3d(picture > 0).any(axis=-1))
    if pair.degraded is None or known.all():
        raise ImageError(
            f"Expected a mask beside {str(pair.clean)!r}, or a picture with "
            "transparent or black holes. Received: none."
        )
    return picture, known
