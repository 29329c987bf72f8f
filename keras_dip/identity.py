"""What tells one restoration from another, the same in every process."""

import hashlib
import json
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from keras_dip.member import Plan
    from keras_dip.prior import DeepImagePrior


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


def identity_of(
    prior: "DeepImagePrior", plan: "Plan", reference: np.ndarray | None
) -> dict[str, Any]:
    """Return what decides the picture that a fit ends with, beside what it sees."""
    return {
        "task": [plan.task.name, plan.task.settings()],
        "settings": asdict(plan.settings),
        "seed": prior.seed,
        "members": prior.settings.members,
        "blend": prior.blend,
        "snapshots": prior.snapshots,
        "priors": [described(regularizer) for regularizer in plan.priors],
        "network": described(prior.network),
        "optimizer": described(prior.optimizer),
        "latent": described(None if plan.latent is None else plan.latent[0]),
        "start": described(plan.start),
        "reference": described(reference),
        "versions": [keras.__version__, metadata.version(keras.config.backend())],
        "tiles": [prior.tile, prior.tile_overlap, prior.max_memory],
    }
