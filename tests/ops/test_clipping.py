"""The mean of clipped noise, and the way back."""

import numpy as np
import pytest

from keras_dip.ops.clipping import clipped_mean, undo_clipping


@pytest.mark.parametrize("sigma", [0.04, 0.1, 0.3])
def test_the_mean_is_that_of_many_clipped_draws(sigma):
    x = np.linspace(0, 1, 11, dtype="float32")
    noise = sigma * np.random.default_rng(0).standard_normal((200_000, 1))
    drawn = (x + noise).clip(0, 1)
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert (
        np.abs(np.asarray(clipped_mean(x, sigma)) - drawn.mean(axis=0)) < 5 * error
    ).all()


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.3])
def test_undoing_gives_the_picture_back(sigma):
    x = np.linspace(0, 1, 101, dtype="float32")
    found = np.asarray(undo_clipping(clipped_mean(x, sigma), sigma))
    np.testing.assert_allclose(found, x, atol=1e-4)


def test_means_that_no_picture_has_become_black_or_white():
    means = np.float32([-0.1, 0.0, 0.01, 0.99, 1.0, 1.2])
    found = np.asarray(undo_clipping(means, 0.1))
    np.testing.assert_allclose(found, [0, 0, 0, 1, 1, 1], atol=1e-6)
