"""Reconstruction: A is the identity, and the picture is fitted as it is."""

from typing import Any

from keras_dip.tasks.base import Declaration, Task, thin_skip

_FAST: dict[str, Any] = {
    "network_options": thin_skip(64, 8),
    "beta_2": 0.95,
    "steps": 600,
    "weight_average": 0.99,
    "dtype_policy": "auto",
}

DECLARATION = Declaration(
    name="reconstruct",
    class_name="Reconstruct",
    summary="Fit a picture as it is, to see what a network finds easy.",
    options=(),
    presets={
        "fast": _FAST,
        "best": {**_FAST, "members": 3},
        "paper": {"steps": 2000},
    },
)


class Reconstruct(Task):
    """Fit the picture as it is, by the mean squared error, to the last step.

    What the network is slow to fit is what it takes for noise (Ulyanov et al., CVPR
    2018, section 2 and figure 2): the curve of the loss is the result.
    """

    declaration = DECLARATION
