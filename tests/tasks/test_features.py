"""Pictures for the features and units of a classifier that the user brings."""

import keras
import numpy as np
import pytest

from keras_dip import ActivationMaximization, DeepImagePrior, FeatureInversion, models
from keras_dip.settings import resolve

SIZE = (24, 24, 3)


@pytest.fixture(scope="module")
def classifier():
    """Two convolutions with random weights and a classifier's end."""
    keras.utils.set_random_seed(0)
    z = keras.Input((24, 24, 3))
    x = keras.layers.Conv2D(8, 3, activation="relu", name="early")(z)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="late")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(z, keras.layers.Dense(5, name="logits")(x), name="small")


def numbers(x):
    return keras.ops.convert_to_numpy(x)


def test_the_loss_is_the_distance_of_the_features_as_a_share(classifier, picture):
    task = FeatureInversion(classifier, "early", preprocess=lambda x: 2 * x - 1)
    x0, x = picture(*SIZE), picture(1, *SIZE, seed=1)
    observed = task.prepare(x0).observed
    phi = keras.Model(classifier.input, classifier.get_layer("early").output)
    wanted, found = (numbers(phi(2 * y - 1)) for y in (x0[np.newaxis], x))
    expected = ((found - wanted) ** 2).sum() / (wanted**2).sum()
    assert numbers(task.data_term(x, observed)) == pytest.approx(expected, rel=1e-4)
    assert numbers(task.data_term(x0[np.newaxis], observed)) == pytest.approx(0)


def test_a_layer_can_be_inverted(classifier, scene, small_skip):
    img = scene(*SIZE)
    before = classifier.get_weights()
    task = FeatureInversion(classifier, "early")
    fit = DeepImagePrior(task, network=small_skip, steps=75).fit(img)
    assert fit.history["loss"][-1] < 0.05
    # Early features tell much of the picture, which the fit never saw itself.
    assert np.corrcoef(fit.image.ravel(), img.ravel())[0, 1] > 0.8
    for old, new in zip(before, classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert fit.settings["task_options"] == {"model": "small_early", "layer": "early"}


def test_a_unit_is_excited(classifier, scene, small_skip):
    img = scene(*SIZE)
    task = ActivationMaximization(classifier, "logits", 3)
    fit = DeepImagePrior(task, network=small_skip, steps=30).fit(img)
    noise = np.random.default_rng(0).uniform(size=(20, *SIZE)).astype("float32")
    random = numbers(classifier(noise))[:, 3]
    assert numbers(classifier(fit.image[np.newaxis]))[0, 3] > random.max()


def test_published_settings(classifier):
    inversion = resolve(FeatureInversion(classifier, "late"), "paper")
    maximum = resolve(ActivationMaximization(classifier, "late", 0), "paper")
    for paper in (inversion, maximum):
        assert (paper.latent, paper.latent_channels) == ("noise", 32)
        assert (paper.learning_rate, paper.steps) == (0.001, 3100)
        network = models.build("skip", (64, 64), **paper.network_options)
        assert network.output_shape == (None, 64, 64, 3)
    assert (inversion.jitter, maximum.jitter) == (0, 0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: FeatureInversion(m, "middle"), "a layer of .*early.*: 'middle'"),
        (lambda m: FeatureInversion(7, "early"), "a functional keras.Model.* 7"),
        (lambda m: ActivationMaximization(m, "logits", 5), "'logits' from 0 to 4"),
        (lambda m: ActivationMaximization(m, "logits", -1), "Received: -1"),
        (
            lambda m: FeatureInversion(m, "late").prepare(np.zeros((8, 24, 3))),
            r"the model's shape, \(24, 24, 3\).*: \(8, 24, 3\)",
        ),
    ],
)
def test_what_is_refused(classifier, make, message):
    with pytest.raises(ValueError, match=message):
        make(classifier)
