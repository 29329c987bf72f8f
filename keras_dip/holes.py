"""The holes of a mask: how wide they are, and others like them among what is known."""

import numpy as np

THIN = 1.5
"""Pixels from a missing pixel to the next known one, up to which holes are thin."""


def hole_radius(known: np.ndarray) -> float:
    """Return the median distance, in pixels, from missing pixels to known ones.

    Args:
        known: booleans [h, w], True where known; 1.0 if nothing is missing.
    """
    from scipy.ndimage import distance_transform_edt

    if known.all():
        return 1.0
    return float(np.median(distance_transform_edt(~known)[~known]))


def can_spare(known: np.ndarray, share: float) -> bool:
    """Tell whether pieces as wide as the holes leave most of `known` [h, w] alone."""
    if not known.any():
        return False
    radius = hole_radius(known)
    piece = 1.0 if radius <= THIN else np.pi * radius**2
    return bool(piece + share * known.sum() < known.sum() / 4)


def holes_like(known: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a share of the known pixels [h, w], in pieces as wide as the holes are."""
    wanted = max(1, int(share * known.sum()))
    radius = hole_radius(known)
    rows, columns = np.nonzero(known)
    out = np.zeros(known.shape, bool)
    if radius <= THIN:
        chosen = rng.choice(len(rows), wanted, replace=False)
        out[rows[chosen], columns[chosen]] = True
        return out
    y, x = np.ogrid[: known.shape[0], : known.shape[1]]
    for _ in range(known.size):
        centre = rng.integers(len(rows))
        disc = (y - rows[centre]) ** 2 + (x - columns[centre]) ** 2 <= radius**2
        out |= disc & known
        if out.sum() >= wanted:
            break
    return out
