"""Activation maximisation: the natural picture that excites a unit most."""

from typing import Any

import numpy as np

from keras_dip.tasks.base import (
    Arrays,
    Declaration,
    Option,
    Problem,
    Task,
    thin_skip,
)

_CHANNELS = (16, 32, 64, 128, 128, 128)

_FAST: dict[str, Any] = {
    "network_options": thin_skip(64, 4),
    "jitter": 0.03,
    "beta_2": 0.95,
    "steps": 500,
    "weight_average": 0.99,
}

DECLARATION = Declaration(
    name="activation_maximization",
    class_name="ActivationMaximization",
    summary="Show what a unit of a classifier looks for; IN gives the size alone.",
    options=(
        Option(
            "model",
            "model",
            "The classifier, a Keras model saved as .keras, that takes pictures in "
            "[0, 1].",
            required=True,
        ),
        Option("layer", "text", "Name of the unit's layer.", required=True),
        Option("unit", "int", "Which unit or channel, from 0.", required=True),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {
            "network_options": {
                "down_channels": _CHANNELS,
                "up_channels": _CHANNELS,
                "skip_channels": (0, 4, 4, 4, 4, 4),
                "down_kernel_size": (5, 3, 5, 5, 3, 5),
                "up_kernel_size": (5, 3, 5, 3, 5, 3),
                "downsampling": "avg",
            },
            "learning_rate": 0.001,
            "steps": 3100,
            "jitter": 0.03,
        },
    },
)


class ActivationMaximization(Task):
    """Find a natural picture that makes a unit of a classifier as large as can be.

    The loss is minus the unit's output; of a channel of a convolution, minus its mean
    (Ulyanov et al., IJCV 2020, section on activation maximisation). The picture given
    to `fit` says how large the result is, and nothing else.

    Args:
        model: a functional Keras model with one input [n, h, w, c].
        layer: name of the unit's layer; rather before a softmax than behind it.
        unit: index of the unit or channel.
        preprocess: function of `keras.ops` from a picture [1, H, W, C] in [0, 1] to
            what the model takes, of the same shape; None if it takes such pictures.

    Raises:
        ValueError: if the model has no such layer or unit, or takes pictures of another
            shape.
    """

    declaration = DECLARATION
    grid = None
    chains = False
    compares_pixels = False

    def __init__(
        self, model: Any, layer: str, unit: int, *, preprocess: Any = None
    ) -> None:
        """Set the classifier and the unit."""
        from keras_dip.models.features import part_until

        self.layer, self.unit, self.preprocess = layer, unit, preprocess
        self.phi = part_until(model, layer)
        units = self.phi.output_shape[-1]
        is_index = isinstance(unit, (int, np.integer)) and not isinstance(unit, bool)
        if not is_index or not 0 <= unit < units:
            raise ValueError(
                f"Expected a unit of {layer!r} from 0 to {units - 1}. "
                f"Received: {unit!r}"
            )

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem; of the picture there is only its shape."""
        from keras_dip.models.features import check_input

        check_input(self.phi, picture.shape)
        return super().prepare(np.full_like(picture, 0.5))

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return minus the activation of the unit."""
        from keras import ops

        seen = self.preprocess(x) if self.preprocess else x
        return -ops.mean(self.phi(seen, training=False)[..., self.unit])

    def built_in(self) -> Any:
        """Raise: a classifier is too large to be compared."""
        raise TypeError("a Keras model")

    def settings(self) -> dict[str, Any]:
        """Return the names of model and layer, and the unit, for records."""
        return {"model": self.phi.name, "layer": self.layer, "unit": int(self.unit)}
