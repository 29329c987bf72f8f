"""Known answers: independent noise is white, a picture is not."""

import numpy as np
import pytest

from keras_dip.report.residual import (
    autocorrelation,
    in_words,
    middle_of,
    whiteness,
)

NOISE = np.random.default_rng(0).normal(size=(64, 96, 3))


def smoothed(residual):
    rolled = [np.roll(residual, (i, j), (0, 1)) for i in range(4) for j in range(4)]
    return sum(rolled)


def test_independent_noise_is_white():
    assert whiteness(NOISE) > 0.97


@pytest.mark.parametrize("scale", [1e-3, 50.0])
def test_whiteness_knows_no_units(scale):
    assert whiteness(NOISE * scale + 7) == pytest.approx(whiteness(NOISE), abs=1e-6)


def test_a_picture_is_not_white(scene):
    assert whiteness(scene(64, 96, 3)) < 0.03


def test_smoothed_noise_lies_between():
    # The autocorrelation of a 4x4 box is a pyramid: its squares sum to
    # (sum over d of (1 - |d| / 4)^2)^2 = 2.75^2 (and 1 / 7.56 = 0.13).
    assert whiteness(smoothed(NOISE)) == pytest.approx(1 / 2.75**2, abs=0.02)


def test_noise_on_known_pixels_alone_is_white():
    known = (np.random.default_rng(1).random((64, 96, 1)) > 0.6).astype(float)
    assert whiteness(NOISE * known, known) > 0.95
    # Taken as known everywhere, the mean that is left would tell.
    assert whiteness((NOISE + 3) * known, known) > 0.95


def test_unknown_pixels_do_not_hide_structure(scene):
    known = (np.random.default_rng(1).random((64, 96, 1)) > 0.6).astype(float)
    assert whiteness(scene(64, 96, 3) * known, known) < 0.03


def test_autocorrelation_of_a_shifted_sum():
    # e(i, j) + e(i, j - 2): correlation 1/2 at two columns.
    alike = autocorrelation(NOISE + np.roll(NOISE, 2, axis=1), reach=3)
    assert alike.shape == (7, 7) and alike[3, 3] == 1
    assert alike[3, 5] == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(alike, alike[::-1, ::-1], atol=1e-9)
    others = np.delete(alike.ravel(), [22, 24, 26])
    assert np.abs(others).max() < 0.05


def test_no_residual_has_no_whiteness():
    assert np.isnan(whiteness(np.full((8, 9, 1), 0.25, "float32")))


def test_tiny_pictures_have_short_distances():
    assert autocorrelation(NOISE[:2, :3], reach=5).shape == (3, 5)


def test_distances_without_a_pair_do_not_count():
    known = np.zeros((9, 9, 1))
    known[0, 0] = known[8, 8] = 1
    alike = autocorrelation(NOISE[:9, :9, :1] * known, known)
    assert np.isfinite(alike).all() and np.count_nonzero(alike) == 1


@pytest.mark.parametrize(
    ("white", "rms", "words"),
    [
        (0.98, 0.1, "White"),
        (0.7, 0.1, "Not quite white"),
        (0.1, 0.1, "Structured"),
        (0.1, 0.001, "Next to nothing"),
        (float("nan"), 0.0, "Nothing"),
    ],
)
def test_in_words(white, rms, words):
    assert in_words(white, rms).startswith(words)


def test_the_middle():
    array = np.arange(60).reshape(6, 10, 1)
    np.testing.assert_array_equal(middle_of(array, 4)[..., 0], array[1:5, 3:7, 0])
    assert middle_of(array, 10) is array
