"""The train step on each backend: what `keras.ops` cannot say, gradients and loops.

`steps_of(backend)` gives a class that `keras_dip.fitting.PriorModel` inherits; what a
step computes is there, and only how it is run is here.
"""

import os
import warnings
from importlib import import_module
from typing import Any

import keras

from keras_dip.models.fused import all_layers
from keras_dip.models.hardware import gpus

BACKENDS = ("tensorflow", "jax")
AUTO = "auto"

NO_GRADIENT = (
    "Expected a degradation and a data term that are differentiable. Received: a loss "
    "without a gradient"
)

CACHE = "KERAS_DIP_COMPILE_CACHE"
"""The environment variable with the folder in which XLA keeps what it compiled."""


def of_backend(backend: str | None = None) -> Any:
    """Return the module of a backend, Keras' own if none is named; it knows its device.

    Raises:
        ImportError: if there is none.
    """
    name = backend or keras.config.backend()
    if name not in BACKENDS:
        raise ImportError(
            f"Expected KERAS_BACKEND of {', '.join(BACKENDS)}. Received: {name!r}"
        )
    return import_module(f"{__name__}.{name}")


def steps_of(backend: str) -> Any:
    """Return the class of the steps on a backend of Keras.

    Raises:
        ImportError: if there is none.
    """
    module = of_backend(backend)
    folder = _cache_folder()
    if folder is not None:
        module.keep_compiled(folder)
    return module.Steps


def _cache_folder() -> str | None:
    """Return the folder for compiled steps, which then exists; None for none."""
    asked = os.environ.get(CACHE)
    if not asked:
        return None
    folder = os.path.abspath(asked)
    try:
        os.makedirs(folder, exist_ok=True)
        is_usable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        is_usable = False
    if is_usable:
        return folder
    warnings.warn(
        f"Expected {CACHE} as a folder that can be written. Received: {asked!r}. "
        "Compiled steps are not kept.",
        stacklevel=2,
    )
    return None


def is_compiled(asked: bool | str, device: str | None, network: keras.Model) -> bool:
    """Return whether XLA compiles the step of a fit.

    "auto" is yes on a GPU, where one kernel then does what many did. On a CPU
    TensorFlow has oneDNN's convolutions, and XLA has slower ones. JAX has XLA alone.

    Args:
        asked: True, False or "auto".
        device: "cpu" or "gpu"; None where the backend decides.
        network: what is fitted; a layer of a user's may forbid XLA.
    """
    if keras.config.backend() == "jax":
        return True
    if asked != AUTO:
        return bool(asked)
    is_able = all(getattr(x, "supports_jit", True) for x in all_layers(network))
    return is_able and device != "cpu" and bool(gpus())
