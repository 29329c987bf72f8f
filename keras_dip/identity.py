"""What tells one restoration from another, the same in every process."""

import hashlib
import json
from typing import Any

import keras
import numpy as np


def described(thing: Any) -> Any:
    """Return plain data that differs where two parts of a fit do.

    Arrays and weights count by their contents; functions by their names alone.
    """
    if thing is None or isinstance(thing, (str, int, float)):
        return thing
    if isinstance(thing, np.ndarray):
        digest = hashlib.sha256(np.ascontiguousarray(thing).tobytes()).hexdigest()
        return [list(thing.shape), str(thing.dtype), digest]
    if isinstance(thing, (list, tuple)):
        return [described(part) for part in thing]
    if isinstance(thing, keras.Model):
        return ["model", *map(described, thing.get_weights())]
    if isinstance(thing, keras.optimizers.Optimizer):
        config = {k: v for k, v in thing.get_config().items() if k != "name"}
        return [type(thing).__qualname__, json.dumps(config, default=str)]
    if hasattr(thing, "__qualname__"):
        return f"{thing.__module__}.{thing.__qualname__}"
    text = repr(thing)
    # An address is another one in every process.
    return str(type(thing)) if f" at {hex(id(thing))}" in text else text
