"""The train step as a `tf.function`, in which a while loop takes many steps."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_dip.models.fused import write_statistics
from keras_dip.train_steps import NO_GRADIENT

CACHE_FLAG = "--tf_xla_persistent_cache_directory"


def keep_compiled(folder: str) -> None:
    """Let XLA take compiled steps from a folder, and leave new ones there.

    TensorFlow looks at the flag when it compiles for the first time.
    """
    before = os.environ.get("TF_XLA_FLAGS", "")
    if CACHE_FLAG not in before:
        os.environ["TF_XLA_FLAGS"] = f'{before} {CACHE_FLAG}="{folder}"'.strip()


def gpu_name() -> str:
    """Return what the maker calls the GPU that is computed on."""
    gpu = tf.config.list_physical_devices("GPU")[0]
    details = tf.config.experimental.get_device_details(gpu)
    return str(details.get("device_name", "GPU"))


def peak_bytes() -> int | None:
    """Return the most memory of the GPU that the process has used; None without one."""
    if not tf.config.list_physical_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def memory_bytes() -> int | None:
    """Return None: TensorFlow does not tell how much memory a GPU has."""
    return None


class Steps:
    """What `PriorModel` does with TensorFlow."""

    jit_compile = False
    """Whether the step has to be compiled by XLA."""

    loops = True
    """Whether a call can take several steps."""

    can_be_cut = True
    """Whether an exception may end a call anywhere: variables keep their values."""

    takes_steps_together = False
    """Whether several fits can take their steps in one call."""

    @property
    def knows_step(self: Any) -> bool:
        """Whether the step was traced in an earlier fit."""
        return self.train_function is not None

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        """Take as many steps as `data` says, an integer of shape [1]."""
        count, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        count = tf.cast(tf.reshape(count, ()), tf.int32)
        tf.while_loop(
            lambda i: i < count,
            lambda i: [_one_step(self, i)],
            [tf.constant(0)],
            parallel_iterations=1,
        )
        return {"loss": self.last_loss.value}

    def predict_step(self: Any, data: Any) -> Any:
        """Return the picture [1, H, W, C] that the averaged weights make of z."""
        z, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.picture_of(z)

    def averaged_picture(self: Any, z: np.ndarray) -> np.ndarray:
        """Return the same, computed."""
        picture: np.ndarray = self.predict_on_batch(z)
        return picture

    def write_statistics(self: Any, network: keras.Model, z: np.ndarray) -> None:
        """Write the batch statistics of z into a network."""
        write_statistics(network, z)

    def output_of(self: Any, network: keras.Model, z: np.ndarray) -> Any:
        """Return what a network with statistics makes of z."""
        return network(z, training=False)

    def arrays_of(self: Any, variables: Sequence[Any]) -> list[np.ndarray]:
        """Return copies of the values of variables."""
        return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]

    def sync(self: Any) -> None:
        """Do nothing: variables always have their present values."""


def _one_step(model: Any, i: Any) -> Any:
    weights = model.network.trainable_variables
    with tf.GradientTape() as tape:
        scaled_loss, loss, output = model.draw_and_compare()
    gradients = tape.gradient(scaled_loss, weights)
    if all(gradient is None for gradient in gradients):  # told while tracing
        raise ValueError(NO_GRADIENT)
    _apply(model.optimizer, gradients, weights)
    model.note(loss, output)
    return i + 1


def _apply(optimizer: Any, gradients: list[Any], weights: list[Any]) -> None:
    """Move the weights; outside of what Keras does for several replicas.

    To sum up their gradients it would make an operation with a gradient of its own,
    which TensorFlow never lets go, nor the graph that it is in
    (tensorflow/tensorflow#97697): tens of megabytes for each fit of a process.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer.apply(gradients, weights)  # it works in a replica alone
        return
    tf.distribute.get_replica_context().merge_call(
        lambda _, values: optimizer.apply(values, weights), (gradients,)
    )
