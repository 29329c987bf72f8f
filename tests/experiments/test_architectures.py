"""Networks of several depths and kinds in a large hole."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

from keras_dip import experiments, models
from keras_dip.experiments import architectures
from keras_dip.metrics import psnr

OURS = ["hourglass 2", "hourglass 4", "hourglass 6", "skip 6"]


@pytest.mark.parametrize("others", [(), ("unet",), ("unet", "resnet")])
def test_networks_that_there_are_fill_the_same_hole(setup, fitted, monkeypatch, others):
    monkeypatch.setattr(models, "names", lambda: ["skip", "hourglass", *others])
    monkeypatch.setattr(architectures, "_hourglass", lambda *_, **__: "a network")
    outcome = architectures.run(setup())

    assert [row["network"] for row in outcome.rows] == [*OURS, *others]
    for made, row, fit in zip(fitted.made, outcome.rows, outcome.fits, strict=True):
        hole = ~fitted.made[0].task.mask[..., 0]
        np.testing.assert_array_equal(~made.task.mask[..., 0], hole)
        np.testing.assert_array_equal(made.picture, outcome.pictures["given"])
        clean = outcome.pictures["clean"]
        assert row["psnr_hole"] == pytest.approx(
            psnr(fit.image[hole][None], clean[hole][None])
        )
        assert row["psnr_hole"] < row["psnr"]
    for made, name in zip(fitted.made[4:], others, strict=True):
        assert made.arguments["network"] == name
        assert made.arguments["learning_rate"] == 0.001
    (data,) = experiments.draw("architectures", outcome).values()
    columns = -(-(len(outcome.rows) + 2) // 2)  # two rows; given and clean too
    assert Image.open(io.BytesIO(data)).size == (columns * 285, 720)


@pytest.mark.parametrize(("depth", "skip"), [(2, 0), (6, 4)])
def test_a_network_has_as_many_scales_as_its_name_says(setup, depth, skip):
    network = architectures._hourglass(setup(), depth, skip)
    assert isinstance(network, keras.Model)
    assert network.output_shape == (None, 32, 32, 3)
    strided = [
        layer for layer in network.layers if getattr(layer, "strides", 1) == (2, 2)
    ]
    assert len(strided) == depth
    assert any("skip" in layer.name for layer in network.layers) == bool(skip)


def test_the_deepest_hourglass_is_the_published_one(setup):
    network = architectures._hourglass(setup(channels=128), 6, 0)
    trainable = sum(np.prod(v.shape) for v in network.trainable_variables)
    assert trainable == 2_996_467  # the library picture's, as the reference counts


def test_a_real_fit_fills_the_hole(setup, tiny_network, monkeypatch):
    def two(setup):
        for name in ("a", "b"):
            yield name, {"network": tiny_network(32, 32, inputs=1)}

    monkeypatch.setattr(architectures, "_networks", two)
    outcome = architectures.run(setup())
    for fit in outcome.fits:
        assert fit.image.shape == (32, 32, 3)
        assert fit.history["step"].tolist() == [3]
        assert fit.settings["jitter"] == 0
        assert fit.settings["task"] == "inpaint"
    assert [row["steps"] for row in outcome.rows] == [3, 3]
