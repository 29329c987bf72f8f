"""Fitting the input: an offset on z, beside the weights or in their place."""

import keras
import numpy as np
import onnxruntime
import pytest

from keras_dip import DeepImagePrior, Reconstruct
from keras_dip.models.offset import Offset, fitted

SIZE = (12, 10)


def fit(tiny_network, scene, optimize, **options):
    prior = DeepImagePrior(
        Reconstruct(),
        network=tiny_network(*SIZE),
        optimize=optimize,
        steps=30,
        **options,
    )
    return prior.fit(scene(*SIZE, 3))


def weights_of(network):
    offset, *rest = network.get_weights()
    return offset, rest


@pytest.mark.parametrize("what", ["input", "net+input"])
def test_what_is_fitted_changes_and_the_rest_does_not(tiny_network, scene, what):
    restoration = fit(tiny_network, scene, what)
    offset, weights = weights_of(restoration.source.network)
    assert offset.shape == (*SIZE, 2)
    assert np.abs(offset).max() > 0.01
    kernel = tiny_network(*SIZE).get_layer("hidden").kernel.numpy()
    same = any(w.shape == kernel.shape and (w == kernel).all() for w in weights)
    assert same is (what == "input")
    loss = restoration.history["loss"]
    assert loss[-1] < loss[0]


def test_both_together_fit_better_than_the_input(tiny_network, scene):
    both, alone = (fit(tiny_network, scene, w) for w in ("net+input", "input"))
    assert both.history["loss"][-1] < alone.history["loss"][-1]


@pytest.mark.parametrize("options", [{}, {"members": 2}, {"preset": "paper"}])
def test_the_file_has_the_offset(tiny_network, scene, tmp_path, options):
    restoration = fit(tiny_network, scene, "net+input", **options)
    restoration.export(tmp_path / "file.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "file.onnx"))
    (image,) = session.run(None, {})
    np.testing.assert_allclose(image[0], restoration.image, atol=1e-5)


def test_the_weights_alone_are_the_default(tiny_network):
    network = tiny_network(*SIZE)
    assert fitted(network, "net") is network
    layer = Offset.from_config(Offset().get_config())
    assert layer(np.ones((1, 2, 3, 4))).shape == (1, 2, 3, 4)


def test_an_unknown_choice():
    with pytest.raises(ValueError, match=r"optimize of net, input.*: 'both'"):
        DeepImagePrior(optimize="both")


def test_any_keras_optimizer(tiny_network, scene):
    sgd = keras.optimizers.SGD(0.5)
    restoration = fit(tiny_network, scene, "net", optimizer=sgd, members=2)
    assert restoration.settings["optimizer"] == "sgd"
    assert restoration.history["loss"][-1] < restoration.history["loss"][0]
    assert not sgd.built  # every fit has its own
    assert fit(tiny_network, scene, "net", optimizer="lion").steps == 30
    with pytest.raises(ValueError, match=r"optimizer or its name.*: 'lbfgs'"):
        DeepImagePrior(optimizer="lbfgs")
