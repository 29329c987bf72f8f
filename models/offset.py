"""A network whose input is fitted too: an offset on z that is one of its weights.

So z itself stays as it was drawn, and averages, copies and exports know nothing new.
"""

from collections.abc import Sequence
from typing import Any

import keras

CHOICES = ("net", "input", "net+input")
"""What can be fitted: the weights of the network, its input, or both."""


@keras.saving.register_keras_serializable(package="keras_dip")
class Offset(keras.layers.Layer):
    """Adds a trainable array of the input's shape [h, w, c], zero at first."""

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make the array."""
        self.offset = self.add_weight(
            shape=tuple(input_shape[1:]), initializer="zeros", name="offset"
        )

    def call(self, inputs: Any) -> Any:
        """Return [n, h, w, c] with the offset added to each."""
        return inputs + keras.ops.cast(self.offset, inputs.dtype)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[Any, ...]:
        """Return the same shape."""
        return tuple(input_shape)


def fitted(network: keras.Model, what: str) -> keras.Model:
    """Return a network whose trainable variables are those that are to be fitted.

    Raises:
        ValueError: if `what` is not one of `CHOICES`.
    """
    if what not in CHOICES:
        raise ValueError(
            f"Expected optimize of {', '.join(CHOICES)}. Received: {what!r}"
        )
    if what == "net":
        return network
    if what == "input":
        # Not `network.trainable`: batch normalisation would take moving statistics.
        for variable in network.trainable_variables:
            variable.trainable = False
    z = keras.Input(network.input_shape[1:], name="z", dtype="float32")
    return keras.Model(z, network(Offset(dtype="float32")(z)), name=network.name)
