"""The networks, their gradients and Adam against the PyTorch reference's own numbers.

The files in `parity/` hold networks as the reference drew them: weights before any step
(HWIO), z, target and mask, and what the reference computed from those.
"""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_dip.models.fused import Adam
from keras_dip.models.skip import build_skip

FILES = sorted(Path(__file__).with_name("parity").glob("[hs]*.npz"))
PADDING = {"reflection": "reflect", "zero": "zero"}
ACTIVATION = {"LeakyReLU": "leaky_relu", "ELU": "elu"}


def build_from(config):
    return build_skip(
        config["image_size"],
        input_channels=config["input_depth"],
        output_channels=config["output_channels"],
        down_channels=config["num_channels_down"],
        up_channels=config["num_channels_up"],
        skip_channels=config["num_channels_skip"],
        down_kernel_size=config.get("filter_size_down", 3),
        up_kernel_size=config.get("filter_size_up", 3),
        upsampling=config["upsample_mode"],
        downsampling=config.get("downsample_mode", "stride"),
        padding=PADDING[config["pad"]],
        activation=ACTIVATION[config.get("act_fun", "LeakyReLU")],
        up_1x1=config.get("need1x1_up", True),
    )


def load(path):
    """Return the reference's arrays and our network with the reference's weights."""
    data = np.load(path)
    config = json.loads(str(data["config"]))
    config["image_size"] = data["target"].shape[1:3]
    network = build_from(config)
    for key in data.files:
        if key.startswith("weight/"):
            variable(network, key.removeprefix("weight/")).assign(data[key])
    return data, config["adam"], network


def variable(network, key):
    *layer, kind, name = key.split("/")
    return getattr(network.get_layer("_".join([*layer, kind])), name)


def masked_mse(data, output):
    error = (output - data["target"]) * data["mask"]
    return keras.ops.mean(keras.ops.square(error))


def loss_and_gradients(network, data):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        output = network(data["z"], training=True)
        loss = masked_mse(data, output)
    return output, loss, tape.gradient(loss, network.trainable_weights)


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def reference(request):
    return request.param


def test_no_file_is_missing():
    assert [path.name for path in FILES] == [
        "hourglass_meshgrid_nearest.npz",
        "skip_bilinear_reflection.npz",
        "skip_k5_avg_no1x1.npz",
        "skip_max_elu.npz",
        "skip_nearest_zero_unequal.npz",
    ]


def test_output_loss_and_weight_count(reference):
    data, _, network = load(reference)
    output, loss, _ = loss_and_gradients(network, data)
    np.testing.assert_allclose(output, data["output"], rtol=0, atol=1e-5)
    assert abs(float(loss) - float(data["masked_mse"])) <= 1e-6
    count = sum(w.numpy().size for w in network.trainable_weights)
    assert count == data["parameter_count"]


def test_gradients(reference):
    data, _, network = load(reference)
    _, _, gradients = loss_and_gradients(network, data)
    by_id = {
        id(w): g.numpy()
        for w, g in zip(network.trainable_weights, gradients, strict=True)
    }
    keys = [key for key in data.files if key.startswith("grad")]
    assert len(keys) == len(gradients)
    largest = max(np.abs(data[key]).max() for key in keys)
    for key in keys:
        ours = by_id[id(variable(network, key.removeprefix("grad/")))]
        if key.endswith("conv/bias") and not key.startswith("grad/output"):
            # A normalisation follows and takes any constant away: the true gradient is
            # zero, and what either side computes is rounding.
            assert np.abs(ours).max() <= 5e-5 * largest, key
            assert np.abs(data[key]).max() <= 5e-5 * largest, key
            continue
        allowed = max(1e-4 * np.abs(data[key]).max(), 1e-6 * largest)
        np.testing.assert_allclose(ours, data[key], rtol=0, atol=allowed, err_msg=key)


def test_adam_losses(reference):
    data, adam, network = load(reference)
    optimizer = Adam(adam["lr"], epsilon=adam["eps"])
    losses = []
    for _ in range(adam["steps"]):
        _, loss, gradients = loss_and_gradients(network, data)
        losses.append(float(loss))
        optimizer.apply(gradients, network.trainable_weights)
    losses.append(float(loss_and_gradients(network, data)[1]))
    np.testing.assert_allclose(losses[:3], data["adam_losses"][:3], rtol=1e-4)
    np.testing.assert_allclose(losses[3:], data["adam_losses"][3:], rtol=1e-2)
