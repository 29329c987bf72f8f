"""Feature inversion: the natural picture with the same features as a given one."""

from dataclasses import replace
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
    "beta_2": 0.95,
    "steps": 800,
    "weight_average": 0.99,
}

DECLARATION = Declaration(
    name="feature_inversion",
    class_name="FeatureInversion",
    summary="Show what a layer of a classifier knows of a picture.",
    options=(
        Option(
            "model",
            "model",
            "The classifier, a Keras model saved as .keras, that takes pictures in "
            "[0, 1].",
            required=True,
        ),
        Option("layer", "text", "Name of the layer that is inverted.", required=True),
    ),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {
            "network_options": {
                "down_channels": _CHANNELS,
                "up_channels": _CHANNELS,
                "skip_channels": (4, 4, 4, 4, 4, 4),
                "down_kernel_size": (7, 7, 5, 5, 3, 3),
                "up_kernel_size": (7, 7, 5, 5, 3, 3),
                "padding": "zero",
                "upsampling": "nearest",
                "downsampling": "avg",
            },
            "learning_rate": 0.001,
            "steps": 3100,
        },
    },
)


class FeatureInversion(Task):
    """Find a natural picture x with the features phi(x) = phi(x0) of a given one.

    The loss is `|phi(x) - phi(x0)|^2 / |phi(x0)|^2` (Ulyanov et al., CVPR 2018, section
    3.5; Mahendran and Vedaldi, CVPR 2015).

    Args:
        model: a functional Keras model with one input [n, h, w, c].
        layer: name of the layer whose output is phi.
        preprocess: function of `keras.ops` from a picture [1, H, W, C] in [0, 1] to
            what the model takes, of the same shape; None if it takes such pictures.

    Raises:
        ValueError: if the model has no such layer, or takes pictures of another shape.
    """

    declaration = DECLARATION
    grid = None
    chains = False
    compares_pixels = False

    def __init__(self, model: Any, layer: str, *, preprocess: Any = None) -> None:
        """Set the classifier and the layer."""
        from keras_dip.models.features import part_until

        self.layer, self.preprocess = layer, preprocess
        self.phi = part_until(model, layer)

    def prepare(self, picture: np.ndarray) -> Problem:
        """Return the problem with the features of the picture."""
        from keras import ops

        from keras_dip.models.features import check_input

        check_input(self.phi, picture.shape)
        problem = super().prepare(picture)
        features = ops.convert_to_numpy(self.features(problem.observed["picture"]))
        observed = {**problem.observed, "features": features.astype("float32")}
        return replace(problem, observed=observed)

    def features(self, x: Any) -> Any:
        """Return phi of a picture [1, H, W, C] in [0, 1]."""
        return self.phi(self.preprocess(x) if self.preprocess else x, training=False)

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return the squared distance of the features, as a share of their square."""
        from keras import ops

        wanted = observed["features"]
        distance = ops.sum(ops.square(self.features(x) - wanted))
        return distance / (ops.sum(ops.square(wanted)) + 1e-12)

    def built_in(self) -> Any:
        """Raise: a classifier is too large to be compared."""
        raise TypeError("a Keras model")

    def settings(self) -> dict[str, Any]:
        """Return the names of model and layer, for records."""
        return {"model": self.phi.name, "layer": self.layer}
