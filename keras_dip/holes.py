"""The holes of a mask: how wide they are, and others like them among what is known."""

import numpy as np

SCATTERED = 0.5
"""Correlation of neighbours in a mask up to which its holes are single pixels: 0 for
pixels that miss at random, above 0.7 for the strokes of a text."""


def hole_radius(known: np.ndarray) -> float:
    """Return the median distance, in pixels, from missing pixels to known ones.

    Args:
        known: booleans [h, w], True where known; 1.0 if nothing is missing.
    """
    from scipy.ndimage import distance_transform_edt

    if known.all():
        return 1.0
    return float(np.median(distance_transform_edt(~known)[~known]))


def holes_are_scattered(known: np.ndarray) -> bool:
    """Tell whether pixels of [h, w] miss one by one, not in pieces."""
    missing = 1.0 - known
    missing -= missing.mean()
    power = float(np.mean(np.square(missing)))
    pairs = ((missing[1:], missing[:-1]), (missing[:, 1:], missing[:, :-1]))
    products = [float(np.mean(a * b)) for a, b in pairs if a.size]
    return power == 0 or max(products, default=0.0) < SCATTERED * power


def can_spare(known: np.ndarray, share: float) -> bool:
    """Tell whether pieces as wide as the holes leave most of `known` [h, w] alone."""
    if not known.any():
        return False
    piece = 1.0 if holes_are_scattered(known) else np.pi * hole_radius(known) ** 2
    return bool(piece + share * known.sum() < known.sum() / 4)


def holes_like(known: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a share of the known pixels [h, w], in pieces as wide as the holes are."""
    wanted = max(1, int(share * known.sum()))
    rows, columns = np.nonzero(known)
    out = np.zeros(known.shape, bool)
    if holes_are_scattered(known):
        chosen = rng.choice(len(rows), wanted, replace=False)
        out[rows[chosen], columns[chosen]] = True
        return out
    radius = hole_radius(known)
    y, x = np.ogrid[: known.shape[0], : known.shape[1]]
    for _ in range(known.size):
        centre = rng.integers(len(rows))
        disc = (y - rows[centre]) ** 2 + (x - columns[centre]) ** 2 <= radius**2
        out |= disc & known
        if out.sum() >= wanted:
            break
    return out
