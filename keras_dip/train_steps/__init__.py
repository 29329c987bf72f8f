"""The train step on each backend: what `keras.ops` cannot say, gradients and loops.

`steps_of(backend)` gives a class that `keras_dip.fitting.PriorModel` inherits; what a
step computes is there, and only how it is run is here.
"""

from importlib import import_module
from typing import Any

BACKENDS = ("tensorflow", "jax")


def steps_of(backend: str) -> Any:
    """Return the class of the steps on a backend of Keras.

    Raises:
        ImportError: if there is none.
    """
    if backend not in BACKENDS:
        raise ImportError(
            f"Expected KERAS_BACKEND of {', '.join(BACKENDS)}. Received: {backend!r}"
        )
    return import_module(f"keras_dip.train_steps.{backend}").Steps
