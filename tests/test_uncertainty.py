"""The deviation that several members show, and its calibration on held-back noise."""

import numpy as np
import pytest

from keras_dip.uncertainty import BINS, calibrated_deviation

SHAPE = (96, 96, 3)


@pytest.fixture(scope="module")
def pictures():
    """Five members that differ more to the right."""
    rng = np.random.default_rng(0)
    spread = np.linspace(0.01, 0.1, SHAPE[1])[:, np.newaxis]
    return (0.5 + spread * rng.standard_normal((5, *SHAPE))).astype("float32")


def variance_of_mean(pictures):
    mean = pictures.mean(axis=0)
    deviations = ((p.astype("float64") - mean) ** 2 for p in pictures)
    return sum(deviations) / (len(pictures) - 1) / len(pictures)


def errors(variance, constant, factor, *, offset_noise=0.0, seed=1):
    """Squared errors of variance a + c v, as noisy as those from held-back noise."""
    rng = np.random.default_rng(seed)
    error = (constant + factor * variance) * rng.standard_normal(SHAPE) ** 2
    return error + offset_noise * rng.standard_normal(SHAPE)


def test_without_errors_it_is_the_deviation_of_the_mean(pictures):
    found = calibrated_deviation(pictures)
    assert found.shape == SHAPE
    assert found.dtype == "float32"
    np.testing.assert_allclose(found**2, variance_of_mean(pictures), rtol=1e-4)


@pytest.mark.parametrize(
    ("constant", "factor"), [(4e-4, 3.0), (1e-3, 0.0), (0.0, 2.0), (0.0, 0.5)]
)
@pytest.mark.parametrize("offset_noise", [0.0, 0.001])
def test_the_calibrated_variance_is_that_of_the_error(
    pictures, constant, factor, offset_noise
):
    variance = variance_of_mean(pictures)
    truth = constant + factor * variance
    error = errors(variance, constant, factor, offset_noise=offset_noise)
    found = calibrated_deviation(pictures, error).astype("float64") ** 2
    # Where the truth is small, near to it beside what is typical.
    np.testing.assert_allclose(found, truth, rtol=0.1, atol=0.1 * truth.mean())
    assert found.mean() == pytest.approx(truth.mean(), rel=0.05)
    # What was not calibrated would not pass.
    if constant:
        assert variance.mean() < 0.8 * truth.mean()


def test_unknown_errors_are_left_out(pictures):
    variance = variance_of_mean(pictures)
    error = errors(variance, 4e-4, 3.0)
    known = np.random.default_rng(2).uniform(size=SHAPE) < 0.3
    found = calibrated_deviation(pictures, np.where(known, error, np.nan))
    assert np.isfinite(found).all()
    truth = 4e-4 + 3 * variance
    np.testing.assert_allclose(found**2, truth, rtol=0.15)


def test_too_few_known_errors_change_nothing(pictures):
    error = np.full(SHAPE, np.nan)
    error.ravel()[: BINS - 1] = 100.0
    np.testing.assert_array_equal(
        calibrated_deviation(pictures, error), calibrated_deviation(pictures)
    )
    error.ravel()[BINS - 1] = 100.0
    assert calibrated_deviation(pictures, error).max() > 1


def test_errors_estimated_below_zero_change_nothing(pictures):
    # They are too noisy to say anything, least of all that there is no error.
    np.testing.assert_array_equal(
        calibrated_deviation(pictures, np.full(SHAPE, -1.0)),
        calibrated_deviation(pictures),
    )


def test_members_that_agree_have_the_error_that_was_seen():
    same = np.full((3, *SHAPE), 0.5, "float32")
    found = calibrated_deviation(same, np.full(SHAPE, 0.01))
    np.testing.assert_allclose(found, 0.1, rtol=1e-4)
