"""Parts of a classifier that the user brings."""

from typing import Any

import keras


def part_until(model: Any, layer: str) -> keras.Model:
    """Return the model from its input to the output of a layer.

    Raises:
        ValueError: if it is no functional model with one input [n, h, w, c], or has no
            such layer.
    """
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ValueError(
            "Expected a functional keras.Model with one input of shape (batch, height, "
            f"width, channels). Received: {model!r}"
        )
    names = [one.name for one in model.layers]
    if layer not in names:
        raise ValueError(f"Expected a layer of {', '.join(names)}. Received: {layer!r}")
    name = f"{model.name}_{layer}".replace("/", "_")
    return keras.Model(inputs[0], model.get_layer(layer).output, name=name)


def check_input(model: keras.Model, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the model takes pictures of shape [h, w, c]."""
    wanted = model.input_shape[1:]
    if any(side not in (None, have) for side, have in zip(wanted, shape, strict=True)):
        raise ValueError(
            f"Expected a picture of the model's shape, {wanted} (height, width, "
            f"channels). Received: {tuple(shape)}"
        )
