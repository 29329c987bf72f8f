"""The train step as a function without state, compiled once by JAX.

All variables of the model and of its optimizer go in and come out; their buffers are
donated. On a GPU many steps are one `jax.lax` loop. Of fits that go on together the
variables get a leading axis, over which `jax.vmap` takes the steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import keras
import numpy as np

from keras_dip import together
from keras_dip.models.copies import copy_of
from keras_dip.models.fused import momentum
from keras_dip.train_steps import NO_GRADIENT


def keep_compiled(folder: str) -> None:
    """Let XLA take compiled steps from a folder, and leave new ones there.

    What is computed before and after the steps, too, which mostly takes less than the
    second that JAX asks for by default.
    """
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def gpu_name() -> str:
    """Return what the maker calls the GPU that is computed on."""
    return str(jax.devices()[0].device_kind)


def peak_bytes() -> int | None:
    """Return the most memory of the device that the process has used; None if untold.

    JAX cannot forget a peak: it is that of everything so far.
    """
    told = jax.devices()[0].memory_stats() or {}
    return told.get("peak_bytes_in_use")


def memory_bytes() -> int | None:
    """Return how much of the device's memory the process may have; None if untold."""
    told = jax.devices()[0].memory_stats() or {}
    return told.get("bytes_limit")


class Steps:
    """What `PriorModel` does with JAX."""

    jit_compile = True
    """Whether the step has to be compiled by XLA."""

    @property
    def loops(self: Any) -> bool:
        """Whether a call can take several steps.

        On a CPU, XLA convolves with one thread inside loops and branches, at a tenth of
        the speed (jax-ml/jax#12868).
        """
        return bool(self.is_on_gpu)

    can_be_cut = False
    """Whether an exception may end a call anywhere: in it, variables have no values."""

    takes_steps_together = True
    """Whether several fits can take their steps in one call."""

    @property
    def traced(self: Any) -> "Traced":
        """Return the functions that are compiled for models of this graph."""
        if getattr(self, "_traced", None) is None:
            self._traced = Traced(self)
        return self._traced

    @property
    def knows_step(self: Any) -> bool:
        """Whether a step was compiled in an earlier fit."""
        return self.traced.alone is not None or self.traced.takes_several

    def share_traced(self: Any, other: Any) -> None:
        """Use what is compiled for another model of the same graph."""
        self._traced = other.traced

    @property
    def free_memory(self: Any) -> int | None:
        """Return the bytes that the device has left for arrays; None if unknown.

        It can be asked for in the middle of a fit, when variables have no values.
        """
        statistics = self.placed_on.memory_stats() or {}
        if "bytes_limit" not in statistics:
            return None
        return int(statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))

    def make_train_function(self: Any, force: bool = False) -> None:
        """Let Keras compile the step; of fits that go on together, meet the others."""
        group = together.in_force()
        if group is not None:
            take = partial(_meet, self, group)
        else:
            if force or self.traced.alone is None:
                super().make_train_function(True)  # type: ignore[misc]
                self.traced.alone = self.train_function
            take = self.traced.alone

        def take_or_give_back(state: Any, data: Any) -> Any:
            try:
                return take(state, data)
            except Exception:
                _give_back(self, state)
                raise

        self.train_function = take_or_give_back

    def train_step(self: Any, state: Any, data: Any) -> tuple[Any, Any]:
        """Take as many steps as `data` says, an integer of shape [1]."""
        count, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        count = jax.numpy.reshape(count, ()).astype("int32")
        *values, metrics = state
        values = _steps(self, _one_step, tuple(values), count)
        return {"loss": _loss(self, values)}, (*values, metrics)

    def averaged_picture(self: Any, z: np.ndarray) -> np.ndarray:
        """Return the picture [1, H, W, C] that the averaged weights make of z."""
        self.sync()
        trainable = [v.value for v in self.trainable_variables]
        others = [v.value for v in self.non_trainable_variables]
        return np.asarray(self.traced.picture(trainable, others, z))

    def write_statistics(self: Any, network: keras.Model, z: np.ndarray) -> None:
        """Write the batch statistics of z into a network; see `output_of`."""
        _, values = self.traced.passed(network, z, training=True)
        others = network.non_trainable_variables
        for variable, value in zip(others, values, strict=True):
            variable.assign(value)

    def output_of(self: Any, network: keras.Model, z: np.ndarray) -> Any:
        """Return what a network with statistics makes of z.

        It has to be a copy in float32 of the model's own network: what is compiled for
        one is used for all.
        """
        output, _ = self.traced.passed(network, z, training=False)
        return output

    def arrays_of(self: Any, variables: Sequence[Any]) -> list[np.ndarray]:
        """Return copies of the values of variables, which leave the device together."""
        values = jax.device_get([variable.value for variable in variables])
        return [np.array(value) for value in values]

    def sync(self: Any) -> None:
        """Give the variables the values of the last step; during a fit they have none.

        Keras does it before a report, and not between.
        """
        self.jax_state_sync()


class Traced:
    """What is compiled once for all models of a graph, from one of them.

    Attributes:
        picture: from trainable and other values, and z, to the averaged picture.
        alone: Keras' train function of a fit that goes on alone; None before the first.
    """

    def __init__(self, model: Any) -> None:
        """Compile nothing yet."""
        self._model = model
        self.alone: Any = None
        self._steps: dict[int, Any] = {}  # by the number of fits
        self._passes: dict[bool, Any] = {}  # in training, or not

        def picture(trainable: list[Any], others: list[Any], z: Any) -> Any:
            pairs = _pairs(model, trainable, others)
            with keras.StatelessScope(state_mapping=pairs):
                return model.picture_of(z)

        self.picture = jax.jit(picture)

    @property
    def takes_several(self) -> bool:
        """Whether a step of several fits is compiled."""
        return bool(self._steps)

    def steps(self, fits: list["_Fit"]) -> list[Any]:
        """Take the steps of several fits, all as many, and return their values.

        Where a function for more of them is compiled, it is used with the first fit in
        the free places: to compile another one would take longer.
        """
        wanted = len(fits)
        places = min((n for n in self._steps if n >= wanted), default=wanted)
        if places not in self._steps:
            self._steps[places] = jax.jit(self._many, donate_argnums=0)
        states = [fit.values for fit in fits]
        with jax.default_device(_device_of(states[0][1][0])):
            spare = [
                jax.tree.map(jax.numpy.copy, states[0]) for _ in range(places - wanted)
            ]
            after = self._steps[places]([*states, *spare], fits[0].count)
        return after[:wanted]

    def passed(
        self, network: keras.Model, z: np.ndarray, *, training: bool
    ) -> tuple[Any, list[Any]]:
        """Return a finished network's output for z, and its other variables' values.

        Operation by operation they would be a hundred functions to compile. The copy
        is ours: the user may change a finished network.
        """
        compiled = self._passes.get(training) or _pass_of(copy_of(network), training)
        trainable = [variable.value for variable in network.trainable_variables]
        others = [variable.value for variable in network.non_trainable_variables]
        output, others = compiled(trainable, others, z)
        self._passes[training] = compiled  # not before: what fails is not kept
        return output, others

    def _many(self, states: list[Any], count: Any) -> list[Any]:
        if len(states) == 1:
            return [_steps(self._model, _one_step, states[0], count)]
        stacked = jax.tree.map(lambda *values: jax.numpy.stack(values), *states)

        def one_each(model: Any, *stacked: Any) -> Any:
            return jax.vmap(lambda *values: _one_step(model, *values))(*stacked)

        stacked = _steps(self._model, one_each, stacked, count)
        return [
            jax.tree.map(lambda values, i=i: values[i], stacked)
            for i in range(len(states))
        ]


def _pass_of(network: keras.Model, training: bool) -> Any:
    """Return the function of a network, compiled, from values to output and values."""

    def finished(trainable: list[Any], others: list[Any], z: Any) -> Any:
        with momentum(network, 0.0):
            return network.stateless_call(trainable, others, z, training=training)

    return jax.jit(finished)


@dataclass(frozen=True, eq=False)
class _Fit:
    """The values of a model's variables, and how many steps it is to take."""

    model: Any
    values: tuple[list[Any], list[Any], list[Any]]
    count: int


def _meet(model: Any, group: together.Together, state: Any, iterator: Any) -> Any:
    """Take the steps of a call with the others of a group; as Keras' train function."""
    count, _, _ = keras.utils.unpack_x_y_sample_weight(next(iterator))
    *values, metrics = state
    fit = _Fit(model, tuple(values), int(np.reshape(count, ())))
    after = group.meet((model.traced, fit.count), fit, model.traced.steps)
    return {"loss": _loss(model, after)}, (*after, metrics)


def _give_back(model: Any, state: Any) -> None:
    """Let variables have their values again, as far as these are not lost."""
    variables = (
        *model.trainable_variables,
        *model.non_trainable_variables,
        *model.optimizer.variables,
    )
    flat = [value for part in state[:3] for value in part]
    for variable, value in zip(variables, flat, strict=True):
        if not value.is_deleted():
            variable.assign(value)
    # Else Keras takes what it kept, which may be lost, and hides the error by another.
    model._jax_state = None


def _device_of(array: Any) -> Any:
    return next(iter(array.devices()))


def _steps(model: Any, one: Any, values: Any, count: Any) -> Any:
    """Take `count` steps; where calls have no loops, one or none."""
    if model.loops:
        return jax.lax.fori_loop(
            0, count, lambda _, before: one(model, *before), values
        )
    return jax.tree.map(
        lambda after, before: jax.numpy.where(count > 0, after, before),
        one(model, *values),
        values,
    )


def _loss(model: Any, values: Any) -> Any:
    """Return the loss among the values of a model's variables."""
    others = zip(model.non_trainable_variables, values[1], strict=True)
    return next(value for variable, value in others if variable is model.last_loss)


def _marked(found: list[bool]) -> Any:
    """Return the identity, which adds to `found` when a gradient goes through it."""

    @jax.custom_jvp
    def mark(loss: Any) -> Any:
        return loss

    def tangent(values: Any, tangents: Any) -> Any:
        is_zero = isinstance(tangents[0], jax.custom_derivatives.SymbolicZero)
        found.extend([] if is_zero else [True])
        return values[0], tangents[0]

    mark.defjvp(tangent, symbolic_zeros=True)
    return mark


def _one_step(
    model: Any, trainable: list[Any], others: list[Any], optimizer: list[Any]
) -> tuple[list[Any], list[Any], list[Any]]:
    found: list[bool] = []
    mark = _marked(found)

    def compare(trainable: list[Any]) -> Any:
        pairs = _pairs(model, trainable, others)
        pairs += zip(model.optimizer.variables, optimizer, strict=True)
        with keras.StatelessScope(state_mapping=pairs) as scope:
            scaled_loss, loss, output = model.draw_and_compare()
        return mark(scaled_loss), (loss, output, _others(model, scope))

    gradients, (loss, output, others) = jax.grad(compare, has_aux=True)(trainable)
    if not found:  # told while tracing
        raise ValueError(NO_GRADIENT)
    trainable, optimizer = model.optimizer.stateless_apply(
        optimizer, gradients, trainable
    )
    pairs = _pairs(model, trainable, others)
    with keras.StatelessScope(state_mapping=pairs) as scope:
        model.note(loss, output)
    return trainable, _others(model, scope), optimizer


def _pairs(model: Any, trainable: list[Any], others: list[Any]) -> list[Any]:
    """Return the variables of a model with the values that stand for them."""
    return [
        *zip(model.trainable_variables, trainable, strict=True),
        *zip(model.non_trainable_variables, others, strict=True),
    ]


def _others(model: Any, scope: Any) -> list[Any]:
    """Return the values that those without a gradient have come to in a scope."""
    return [scope.get_current_value(v) for v in model.non_trainable_variables]
