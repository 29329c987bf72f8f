"""Networks made of networks: copies in float32 or for one fit, and means of several."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dip.models.fused import all_layers


def copy_for(model: keras.Model, shape: tuple[int, int, int]) -> keras.Model:
    """Return a copy of a user's model, or raise unless it gives the right picture."""
    inputs = getattr(model, "inputs", None)  # a subclass of keras.Model has none
    if not inputs or len(inputs) != 1 or len(inputs[0].shape) != 4:
        received = f"inputs {[x.shape for x in inputs]}" if inputs else "a subclass"
        raise ValueError(
            "Expected a functional keras.Model with one input of shape (batch, height, "
            f"width, channels). Received: {received}"
        )
    if None in model.input_shape[1:] or tuple(model.output_shape[1:]) != shape:
        raise ValueError(
            f"Expected a network of fixed input size with an output of shape {shape}. "
            f"Received: input {model.input_shape}, output {model.output_shape}"
        )
    return copy_of(model)


def copy_of(network: keras.Model, dtype: str | None = None) -> keras.Model:
    """Return a copy with the same weights, in another dtype policy if one is given."""

    def recast(layer: keras.Operation) -> keras.Operation:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Layer):  # a + b has no policy of its own
            config["dtype"] = dtype
        return layer.__class__.from_config(config)

    options = {"clone_function": recast, "recursive": True} if dtype else {}
    copy = keras.models.clone_model(network, **options)
    copy.set_weights(network.get_weights())
    return copy


def policy_of(model: keras.Model) -> str:
    """Return the name of the dtype policy of a network's first layer with weights."""
    layers = [layer for layer in all_layers(model) if layer.weights]
    name: str = layers[0].dtype_policy.name if layers else "float32"
    return name


def in_float32(network: keras.Model) -> keras.Model:
    """Return the network in float32 throughout, with the same weights."""
    if all(layer.compute_dtype == "float32" for layer in all_layers(network)):
        return network
    return copy_of(network, "float32")


def mean(outputs: Sequence[Any]) -> Any:
    """Return the mean of outputs of networks, as the network of `mean_of` makes it."""
    if len(outputs) == 1:
        return outputs[0]
    return keras.layers.Average(dtype="float32")(list(outputs))


def mean_of(networks: Sequence[keras.Model]) -> keras.Model:
    """Return one network from z to the mean of the outputs of several."""
    if len(networks) == 1:
        return networks[0]
    z = keras.Input(networks[0].input_shape[1:], name="z", dtype="float32")
    for index, network in enumerate(networks):
        network.name = f"member{index}"
    outputs = [network(z) for network in networks]
    return keras.Model(z, mean(outputs), name="mean")
