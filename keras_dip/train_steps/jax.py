"""The train step as a function without state, compiled once by JAX.

All variables of the model and of its optimizer go in and come out; their buffers are
donated. On a GPU many steps are one `jax.lax` loop.
"""

from typing import Any

import jax
import keras
import numpy as np


def keep_compiled(folder: str) -> None:
    """Let XLA take compiled steps from a folder, and leave new ones there."""
    jax.config.update("jax_compilation_cache_dir", folder)


def gpu_name() -> str:
    """Return what the maker calls the GPU that is computed on."""
    return str(jax.devices()[0].device_kind)


def peak_bytes() -> int | None:
    """Return the most memory of the device that the process has used; None if untold.

    JAX cannot forget a peak: it is that of everything so far.
    """
    told = jax.devices()[0].memory_stats() or {}
    return told.get("peak_bytes_in_use")


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

    def train_step(self: Any, state: Any, data: Any) -> tuple[Any, Any]:
        """Take as many steps as `data` says, an integer of shape [1]."""
        count, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        count = jax.numpy.reshape(count, ()).astype("int32")
        *values, metrics = state
        if self.loops:
            values = jax.lax.fori_loop(
                0, count, lambda _, before: _one_step(self, *before), tuple(values)
            )
        else:
            values = jax.tree.map(
                lambda after, before: jax.numpy.where(count > 0, after, before),
                _one_step(self, *values),
                tuple(values),
            )
        others = zip(self.non_trainable_variables, values[1], strict=True)
        loss = next(value for variable, value in others if variable is self.last_loss)
        return {"loss": loss}, (*values, metrics)

    def averaged_picture(self: Any, z: np.ndarray) -> np.ndarray:
        """Return the picture [1, H, W, C] that the averaged weights make of z."""
        self.sync()

        def picture(trainable: list[Any], others: list[Any], z: Any) -> Any:
            with keras.StatelessScope(state_mapping=_pairs(self, trainable, others)):
                return self.picture_of(z)

        if getattr(self, "_compiled_picture", None) is None:
            self._compiled_picture = jax.jit(picture)
        trainable = [v.value for v in self.trainable_variables]
        others = [v.value for v in self.non_trainable_variables]
        return np.asarray(self._compiled_picture(trainable, others, z))

    def sync(self: Any) -> None:
        """Give the variables the values of the last step; during a fit they have none.

        Keras does it before a report, and not between.
        """
        self.jax_state_sync()


def _one_step(
    model: Any, trainable: list[Any], others: list[Any], optimizer: list[Any]
) -> tuple[list[Any], list[Any], list[Any]]:
    def compare(trainable: list[Any]) -> Any:
        pairs = _pairs(model, trainable, others)
        pairs += zip(model.optimizer.variables, optimizer, strict=True)
        with keras.StatelessScope(state_mapping=pairs) as scope:
            scaled_loss, loss, output = model.draw_and_compare()
        return scaled_loss, (loss, output, _others(model, scope))

    gradients, (loss, output, others) = jax.grad(compare, has_aux=True)(trainable)
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
