"""The holes of a mask: their radius, what can be spared, and others like them."""

import numpy as np
import pytest

from keras_dip.holes import (
    can_spare,
    hole_radius,
    holes_are_scattered,
    holes_like,
)


def left(known, missing, height=10):
    """A strip on the left that is known, and what is missing beside it."""
    return np.tile(np.arange(known + missing) < known, (height, 1))


def square_hole(side, around=12):
    known = np.ones((side + 2 * around,) * 2, bool)
    known[around:-around, around:-around] = False
    return known


CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)


@pytest.mark.parametrize(
    ("known", "radius"),
    [
        (np.ones((4, 5), bool), 1.0),
        (square_hole(1), 1.0),
        (square_hole(9), 2.0),  # 32 pixels at 1, 24 at 2, 25 farther in
        (left(1, 8), 4.5),  # 1 to 8
        (left(7, 9), 5.0),
        (np.random.default_rng(0).uniform(size=(40, 40)) < 0.5, 1.0),
        (np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]], bool), 2.0),
    ],
)
def test_the_radius_is_the_median_distance_to_what_is_known(known, radius):
    assert hole_radius(known) == pytest.approx(radius)


@pytest.mark.parametrize(
    ("known", "share", "can"),
    [
        (np.zeros((4, 4), bool), 0.02, False),
        (CROSS, 0.02, False),  # a piece and a share are just more than a quarter of 4
        (~CROSS, 0.02, True),  # and less than a quarter of 5
        (np.ones((20, 20), bool), 0.02, True),
        (np.ones((20, 20), bool), 0.25, False),
        (left(8, 24), 0.02, False),
        (left(30, 10), 0.02, False),  # a disc of 5.5 pixels is 95, a quarter is 75
        (left(200, 10), 0.02, True),
        (left(200, 10), 0.24, False),
    ],
)
def test_what_is_left_must_be_most(known, share, can):
    assert can_spare(known, share) is can


def test_thin_holes_are_single_known_pixels():
    known = np.random.default_rng(0).uniform(size=(30, 40)) < 0.6
    assert holes_are_scattered(known)
    out = holes_like(known, 0.1, np.random.default_rng(1))
    assert out.sum() == int(0.1 * known.sum())
    assert not (out & ~known).any()
    again = holes_like(known, 0.1, np.random.default_rng(1))
    np.testing.assert_array_equal(out, again)
    assert (holes_like(known, 0.1, np.random.default_rng(2)) != out).any()


def test_there_is_at_least_one():
    assert holes_like(~CROSS, 0.02, np.random.default_rng(0)).sum() == 1


def test_a_wide_hole_is_a_disc_of_its_radius():
    known = square_hole(9, around=20)
    y, x = np.mgrid[: known.shape[0], : known.shape[1]]
    whole = 0
    for seed in range(8):
        out = holes_like(known, 1e-6, np.random.default_rng(seed))
        assert not (out & ~known).any()
        assert 1 <= out.sum() <= 13
        if out.sum() == 13:  # neither the edge nor the hole cut it
            whole += 1
            centre_y, centre_x = y[out].mean(), x[out].mean()
            disc = (y - centre_y) ** 2 + (x - centre_x) ** 2 <= 4
            np.testing.assert_array_equal(out, disc)
    assert whole >= 4


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_pixels_that_miss_at_random_are_scattered_however_many(share):
    known = np.random.default_rng(0).uniform(size=(60, 50)) >= share
    assert holes_are_scattered(known)


def test_strokes_and_blocks_are_not_scattered():
    strokes = np.ones((60, 50), bool)
    strokes[5::12, 3:47] = strokes[6::12, 3:47] = False
    assert not holes_are_scattered(strokes)
    assert not holes_are_scattered(square_hole(9))
    assert holes_are_scattered(np.ones((8, 8), bool))
    assert holes_are_scattered(np.array([[True, False]]))
