"""Pictures cut into overlapping windows, and put together again."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_dip.tiles import blend, tiling

LENGTHS, SIDES = st.integers(1, 700), st.integers(128, 300)


@given(LENGTHS, LENGTHS, SIDES, st.integers(0, 64), st.sampled_from([1, 2, 4, 16]))
def test_windows_cover_the_picture_and_overlap(height, width, side, overlap, grid):
    plan = tiling((height, width), side, overlap, grid)
    for length, own, starts in zip(
        (height, width), plan.side, (plan.tops, plan.lefts), strict=True
    ):
        assert own <= min(length, side + grid - 1)
        assert starts[0] == 0
        assert starts[-1] + own == length
        assert all(start % grid == 0 for start in starts)
        shared = [first + own - second for first, second in itertools.pairwise(starts)]
        assert all(pixels >= overlap for pixels in shared)


@given(LENGTHS, LENGTHS, SIDES, st.integers(0, 64))
def test_weights_add_up_to_one(height, width, side, overlap):
    plan = tiling((height, width), side, overlap)
    for length, weights, starts in zip(
        (height, width), plan.weights(), (plan.tops, plan.lefts), strict=True
    ):
        total = np.zeros(length)
        for own, start in zip(weights, starts, strict=True):
            assert (own > 0).all()
            total[start : start + len(own)] += own
        np.testing.assert_allclose(total, 1, atol=1e-6)


def test_windows_of_a_picture_make_it_again(scene):
    picture = scene(300, 170, 3)
    plan = tiling(picture.shape, 128, 32)
    assert len(plan.windows) == 6
    parts = (window.of(picture[np.newaxis])[0] for window in plan.windows)
    np.testing.assert_allclose(blend(parts, plan), picture, atol=1e-6)


def test_neighbours_fade_into_each_other():
    plan = tiling((128, 224), 128, 32)
    picture = blend((np.full((128, 128, 1), v, "float32") for v in (0.0, 1.0)), plan)
    row = picture[5, :, 0]
    assert plan.lefts == (0, 96)
    np.testing.assert_array_equal(row[:96], 0)
    np.testing.assert_array_equal(row[128:], 1)
    np.testing.assert_allclose(np.diff(row[96:128]), 1 / 32, atol=1e-6)


def test_a_small_picture_is_one_window():
    plan = tiling((90, 128), 128, 64, 16)
    assert [(w.top, w.left, w.height, w.width) for w in plan.windows] == [
        (0, 0, 90, 128)
    ]


def test_a_window_of_what_is_smaller():
    (window,) = (w for w in tiling((256, 512), 256, 64, 4).windows if w.left == 256)
    assert window.scaled(1 / 4).of(np.zeros((1, 64, 128, 3))).shape == (1, 64, 64, 3)


def test_there_is_nothing_to_blend_without_a_window():
    plan = tiling((128, 128), 128, 0)
    with pytest.raises(ValueError, match="zip"):
        blend((), plan)
