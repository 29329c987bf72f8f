"""Compiled train steps, kept for the next picture of the same kind and shape.

TensorFlow takes seconds to trace the step of a network of five scales; members of one
restoration, its tiles and the pictures of a folder would all pay that again. What a
step computes is in its variables (`PriorModel.become`), so that only what is built into
the graph has to be the same.
"""

import hashlib
import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from keras_dip.fitting import PriorModel
from keras_dip.models.fused import all_layers
from keras_dip.settings import Settings
from keras_dip.tasks import Problem, Task

_SHARED: ContextVar["Traces | None"] = ContextVar("traces", default=None)


class Traces:
    """The last model that was fitted, and what its graph was made from."""

    def __init__(self) -> None:
        """Begin without one."""
        self.forget()

    def forget(self) -> None:
        """Let go of the model, and of what was compiled for it."""
        self._key: tuple[Any, ...] | None = None
        self._model: PriorModel | None = None
        self._parts: tuple[Any, ...] = ()

    def model(
        self, key: str | None, parts: tuple[Any, ...], build: Callable[[], PriorModel]
    ) -> PriorModel:
        """Return what `build` returns, or an older model that took its place.

        Args:
            key: what is built into the graph as a text (`graph_key`); None if that
                cannot be told, and nothing is shared.
            parts: objects that are built in too, compared by identity.
            build: makes a compiled model that has not been fitted.
        """
        new = build()
        older = self._older(key, parts, new)
        if older is not new:
            older.become(new)
        return older

    def _older(
        self, key: str | None, parts: tuple[Any, ...], new: PriorModel
    ) -> PriorModel:
        """Return the model of the same graph that is kept, or else keep the new one."""
        if key is None:
            return new
        full = (key, *map(id, parts))
        if self._model is None or full != self._key:
            # The parts are kept too: another object could get the address of a dead
            # one.
            self._key, self._model, self._parts = full, new, parts
        return self._model or new


class Twins(Traces):
    """Compiled steps for models that are fitted at the same time.

    Each fit has a model of its own; those of one graph share what was compiled.
    """

    def model(
        self, key: str | None, parts: tuple[Any, ...], build: Callable[[], PriorModel]
    ) -> PriorModel:
        """Return what `build` returns; it uses what an older model has compiled."""
        new = build()
        new.share_traced(self._older(key, parts, new))
        return new


def graph_key(
    task: Task, settings: Settings, problem: Problem, z: np.ndarray, *more: Any
) -> str | None:
    """Return what decides the graph of a train step as a text; None if that is unknown.

    Args:
        task: whose data term is fitted.
        settings: of the fit.
        problem: the one that the fit sees.
        z: its z.
        more: further plain data.
    """
    if settings.optimize != "net":
        return None  # the weights that stay would be those of another network
    try:
        constants = hashlib.sha256(pickle.dumps(task.built_in())).hexdigest()
    except Exception:  # a function or a network of the user's
        return None
    return json.dumps(
        [
            task.name,
            constants,
            asdict(settings),
            problem.shape,
            z.shape,
            bool(problem.sigma),
            [[name, array.shape] for name, array in problem.observed.items()],
            *more,
        ],
        default=repr,
    )


def architecture(network: keras.Model) -> str | None:
    """Return what decides the graph of a network, or None if that is unknown.

    Names, which Keras counts up, seeds and initializers have no part in it. A layer of
    the user's may keep more than its config tells, and so may the function of a Lambda.
    """
    for layer in all_layers(network):
        kind = type(layer)
        ours = kind.__module__.partition(".")[0] in ("keras", "keras_dip")
        if not ours or issubclass(kind, keras.layers.Lambda):
            return None
    text = json.dumps(_graph_of(network.get_config()), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def _graph_of(config: dict[str, Any]) -> list[Any]:
    """Return what a model's config says of its graph."""
    places = {layer["config"]["name"]: i for i, layer in enumerate(config["layers"])}
    layers = [
        [
            layer["module"],
            layer["class_name"],
            _settings_of(layer["config"]),
            _placed(layer.get("inbound_nodes"), places),
        ]
        for layer in config["layers"]
    ]
    ends = [config.get("input_layers"), config.get("output_layers")]
    return [layers, _placed(ends, places)]


def _settings_of(config: dict[str, Any]) -> Any:
    """Return what a layer's config, or that of a model inside, says of the graph."""
    if "layers" in config:
        return _graph_of(config)
    without = ("name", "seed")
    return {
        key: value
        for key, value in config.items()
        if key not in without and not key.endswith("_initializer")
    }


def _placed(nodes: Any, places: dict[str, int]) -> Any:
    """Return connections with the places of layers for their names."""
    if isinstance(nodes, dict):
        return {key: _placed(part, places) for key, part in nodes.items()}
    if not isinstance(nodes, (list, tuple)):
        return nodes
    if len(nodes) == 3 and isinstance(nodes[0], str) and nodes[0] in places:
        return [places[nodes[0]], *nodes[1:]]  # layer, call, output
    return [_placed(part, places) for part in nodes]


@contextmanager
def shared_traces(traces: Traces | None = None) -> Iterator[None]:
    """Let all fits inside use each other's compiled steps, one after the other.

    Args:
        traces: those that were shared before; None begins without any.
    """
    token = _SHARED.set(traces or Traces())
    try:
        yield
    finally:
        _SHARED.reset(token)


def traces_in_force() -> Traces:
    """Return the shared ones, or new ones where none are."""
    return _SHARED.get() or Traces()
