"""Explicit priors: known values, the reference's, and their part in a fit."""

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, Reconstruct, SuperResolve
from keras_dip.regularizers import Tikhonov, TotalVariation

REFERENCE = np.load(
    Path(__file__).parent / "models" / "parity" / "lanczos_downsampler.npz"
)
STEP = np.zeros((1, 3, 4, 1), "float32")
STEP[:, :, 2:] = 0.5


def value(prior, x):
    return float(keras.ops.convert_to_numpy(prior(x)))


def test_an_edge_by_hand():
    # Two rows and three columns of differences; one column has 0.5.
    assert value(TotalVariation(3), STEP) == pytest.approx(3 * 0.5 / 3, rel=1e-4)
    assert value(Tikhonov(3), STEP) == pytest.approx(3 * 0.25 / 3)


def test_a_corner_costs_less_when_isotropic():
    corner = np.zeros((1, 2, 2, 1), "float32")
    corner[0, 0, 0] = 1
    assert value(TotalVariation(1), corner) == pytest.approx(np.sqrt(2), rel=1e-5)
    assert value(TotalVariation(1, kind="anisotropic"), corner) == pytest.approx(
        2, rel=1e-5
    )


@pytest.mark.parametrize("beta", [0.5, 1])
def test_the_values_of_the_published_implementation(beta):
    x = REFERENCE["input"]
    count = x[:, 1:, 1:].size  # it sums
    ours = value(TotalVariation(1, beta=beta), x) * count
    assert ours == pytest.approx(float(REFERENCE[f"tv_beta_{beta}"]), rel=1e-4)


def test_flat_pictures_have_a_finite_slope(gradient):
    x = np.full((1, 4, 4, 3), 0.5, "float32")
    assert np.isfinite(gradient(TotalVariation(1), x)).all()


@pytest.mark.parametrize(
    "prior", [TotalVariation(10), [Tikhonov(300)], lambda x: keras.ops.mean(x) * 10]
)
def test_a_prior_is_added_to_the_data_term(tiny_network, scene, prior):
    img = scene(12, 10, 3)

    def loss(**options):
        prior = DeepImagePrior(
            Reconstruct(), network=tiny_network(12, 10), steps=1, **options
        )
        return prior.fit(img)

    plain, penalised = loss(), loss(regularizer=prior)
    more = penalised.history["loss"][0] - plain.history["loss"][0]
    assert more > 1e-3
    assert len(penalised.settings["regularizers"]) == 1
    assert plain.settings["regularizers"] == []


def test_a_smooth_picture_comes_of_a_strong_penalty(tiny_network, scene):
    img = scene(12, 10, 3, noise=0.1)

    def roughness(**options):
        prior = DeepImagePrior(
            Reconstruct(), network=tiny_network(12, 10), steps=50, **options
        )
        return value(Tikhonov(1), prior.fit(img).image[np.newaxis])

    assert roughness(regularizer=Tikhonov(100)) < 0.5 * roughness()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TotalVariation(0), "weight as a number above 0. Received: 0"),
        (lambda: Tikhonov(float("nan")), "weight as a number above 0. Received: nan"),
        (lambda: TotalVariation(1, beta=-1), "beta as a number above 0. Received: -1"),
        (lambda: TotalVariation(1, kind="l1"), "kind of isotropic.* Received: 'l1'"),
        (lambda: DeepImagePrior(regularizer=0.1), "a function of a picture.*: 0.1"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_their_names_tell_all():
    assert repr(TotalVariation(0.01)) == (
        "TotalVariation(weight=0.01, kind='isotropic', beta=0.5)"
    )
    assert repr(Tikhonov(2)) == "Tikhonov(weight=2)"


def test_a_prior_of_the_preset_is_used_unless_another_is_given(tiny_network, scene):
    img = scene(6, 5, 3)

    def used(**options):
        task = SuperResolve(2)
        prior = DeepImagePrior(
            task, network=tiny_network(12, 10), steps=1, stop="none", **options
        )
        return prior.fit(img).settings["regularizers"]

    assert used() == ["TotalVariation(weight=0.02, kind='isotropic', beta=0.5)"]
    assert used(regularizer=Tikhonov(2)) == ["Tikhonov(weight=2)"]
    assert used(regularizer=()) == used(preset="paper") == []


@pytest.mark.parametrize("shape", [(1, 1, 5, 3), (1, 5, 1, 3), (1, 1, 1, 1)])
@pytest.mark.parametrize("prior", [TotalVariation(1.0), Tikhonov(1.0)])
def test_a_single_row_or_column_has_a_finite_penalty(shape, prior):
    x = np.linspace(0, 1, np.prod(shape), dtype="float32").reshape(shape)
    value = float(keras.ops.convert_to_numpy(prior(x)))
    assert np.isfinite(value)
    assert (value > 1e-3) == (max(shape[1:3]) > 1)
