"""The arguments of a restoration, checked one by one."""

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np

from keras_dip import models, tasks
from keras_dip.images import as_picture
from keras_dip.models.hardware import gpus
from keras_dip.precision import AUTO
from keras_dip.tiles import LEAST_SIDE

DEVICES = (None, "cpu", "gpu")


def task_from(task: Any) -> tasks.Task:
    """Return a task object from an object or a name.

    Raises:
        ValueError: if it is neither, or the name of a task that needs an argument.
    """
    if isinstance(task, tasks.Task):
        return task
    if not isinstance(task, str):
        raise ValueError(
            f"Expected a task or the name of one: {', '.join(tasks.names())}. "
            f"Received: {task!r}"
        )
    declared = tasks.declaration(task)
    needed = [option.name for option in declared.options if option.required]
    if needed:
        arguments = ", ".join(f"{name}=..." for name in needed)
        raise ValueError(
            f"Expected a task object, {declared.class_name}({arguments}), because it "
            f"needs an argument. Received: {task!r}"
        )
    return tasks.get(task)()


def check_network(network: Any) -> None:
    """Raise ValueError unless it is None, a model, a builder or a network's name."""
    if network is None or callable(network):  # a keras.Model is callable too
        return
    if not isinstance(network, str) or network not in models.names():
        raise ValueError(
            f"Expected a network of {', '.join(models.names())}, a keras.Model or a "
            f"function that builds one. Received: {network!r}"
        )


def choice(name: str, value: Any, choices: Sequence[str]) -> str | None:
    """Return one of some words, or None.

    Raises:
        ValueError: if it is none of them.
    """
    if value is not None and value not in choices:
        raise ValueError(
            f"Expected {name} of {', '.join(choices)}. Received: {value!r}"
        )
    return value


def tiles(side: Any, overlap: Any) -> tuple[int | None, int]:
    """Return the side of tiles, or None, and their overlap.

    Raises:
        ValueError: if the side is neither 0 nor at least 128, or the overlap more than
            half of it.
    """
    if side is not None:
        side = integer("tile", side, 0)
        if 0 < side < LEAST_SIDE:
            raise ValueError(
                f"Expected tile as 0 (no tiles) or {LEAST_SIDE} pixels and more. "
                f"Received: {side}"
            )
    overlap, most = integer("tile_overlap", overlap, 0), (side or LEAST_SIDE) // 2
    if overlap > most:
        raise ValueError(
            f"Expected tile_overlap of at most half a tile, {most} pixels. "
            f"Received: {overlap}"
        )
    return side, overlap


def optimizer_from(given: Any) -> keras.optimizers.Optimizer | None:
    """Return a Keras optimizer from one, its name, or None.

    Raises:
        ValueError: if it is none of these.
    """
    if given is None or isinstance(given, keras.optimizers.Optimizer):
        return given
    try:
        return keras.optimizers.get(given)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Expected a Keras optimizer or its name. Received: {given!r}"
        ) from error


def regularizers(given: Any) -> tuple[Any, ...]:
    """Return one explicit prior or several as a tuple.

    Raises:
        ValueError: if one of them cannot be called.
    """
    several = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for one in several:
        if not callable(one):
            raise ValueError(
                "Expected regularizer as a function of a picture, or several of them. "
                f"Received: {one!r}"
            )
    return several


def check_device(device: Any) -> None:
    """Raise ValueError unless it is None, "cpu" or "gpu"."""
    if device not in DEVICES:
        raise ValueError(f"Expected device 'cpu' or 'gpu'. Received: {device!r}")


def dtype_policy(policy: Any) -> str | None:
    """Return the name of a Keras dtype policy, "auto" or None.

    Raises:
        ValueError: if it is none of these.
    """
    if policy is None or policy == AUTO:
        return policy
    try:
        found = keras.dtype_policies.get(policy)
    except (ValueError, TypeError):
        found = None
    # The finished network is float32, and so are the weights on the way to it.
    if found is None or found.variable_dtype != "float32":
        raise ValueError(
            "Expected dtype_policy of auto, float32, mixed_bfloat16, mixed_float16. "
            f"Received: {policy!r}"
        )
    name: str = found.name
    return name


def jit_compile(value: Any) -> bool | str:
    """Return True, False or "auto".

    Raises:
        ValueError: if it is none of them.
    """
    if value != AUTO and not isinstance(value, bool):
        raise ValueError(
            f"Expected jit_compile of True, False or 'auto'. Received: {value!r}"
        )
    return value


def in_python(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, str]:
    """Return arguments that differ from a function's defaults, as Python writes them.

    What cannot be written down (a network, a picture) is an ellipsis; a task, and what
    does not change the picture, is left out.
    """
    left_out = ("task", "verbose", "callbacks")
    told = {}
    for name, parameter in inspect.signature(function).parameters.items():
        default, value = parameter.default, given[name]
        is_default = type(value) is type(default) and value == default
        if name not in left_out and default is not parameter.empty and not is_default:
            is_plain = value is None or isinstance(value, (str, int, float, bool))
            told[name] = repr(value) if is_plain else "..."
    return told


def integer(name: str, value: Any, least: int) -> int:
    """Return a whole number that is large enough.

    Raises:
        ValueError: if it is not one.
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ValueError(
            f"Expected {name} as an integer >= {least}. Received: {value!r}"
        )
    return int(value)


def positive(name: str, value: Any) -> float:
    """Return a finite number above 0.

    Raises:
        ValueError: if it is not one.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 < value < float("inf"):
        raise ValueError(f"Expected {name} as a number above 0. Received: {value!r}")
    return float(value)


def share(name: str, value: Any) -> float:
    """Return a number from 0 to 1.

    Raises:
        ValueError: if it is not one.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError(
            f"Expected {name} as a number from 0 to 1. Received: {value!r}"
        )
    return float(value)


def reference_for(reference: Any, shape: tuple[int, int, int]) -> np.ndarray | None:
    """Return the ground truth as floats [H, W, C], or None.

    Raises:
        ValueError: if it has another shape than the restored picture.
    """
    if reference is None:
        return None
    picture, _ = as_picture(reference)
    if picture.shape != shape:
        raise ValueError(
            "Expected a reference of the restored picture's shape, "
            f"{shape}. Received: {picture.shape}"
        )
    return picture


def device_scope(device: str | None) -> AbstractContextManager[Any]:
    """Return the scope in which to compute.

    Raises:
        ValueError: if there is no GPU where one is asked for.
    """
    if device is None:
        return nullcontext()
    if device == "gpu" and not gpus():
        raise ValueError(
            "Expected device='gpu' only where Keras' backend finds a GPU. "
            "Received: a machine where it finds none"
        )
    return keras.device(f"{device}:0")
