"""Carry an average of pictures into the weights of one network.

The best picture of a fit with the published settings is the average of its recent
outputs, which no set of weights gives by itself. A short second fit, without jitter and
with a falling learning rate, pulls the network onto that average, so that the exported
network regenerates it. What it costs in PSNR is measured in docs/accuracy.md.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dip.fitting import PriorModel
from keras_dip.interrupts import Interrupts
from keras_dip.models.fused import Adam

STEPS = 80
HURRIED_STEPS = 20
"""Steps when a person who pressed Ctrl-C is waiting."""

LEARNING_RATE = 0.001


class _StopWhenInterrupted(keras.callbacks.Callback):
    def __init__(self, interrupts: Interrupts) -> None:
        super().__init__()
        self.interrupts = interrupts

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self.interrupts.came:
            self.model.stop_training = True


def consolidate(
    network: keras.Model,
    z: np.ndarray,
    picture: np.ndarray,
    steps: int,
    interrupts: Interrupts,
) -> None:
    """Fit `network(z)` to `picture` [1, H, W, C] in so many steps, in place.

    Ctrl-C ends it early; the network is then only nearer to the picture.
    """

    def squared_error(x: Any, observed: dict[str, Any]) -> Any:
        return ops.mean(ops.square(x - observed["picture"]))

    model = PriorModel(network, squared_error, z, {"picture": picture})
    rate = keras.optimizers.schedules.PolynomialDecay(LEARNING_RATE, steps, 0.0)
    optimizer = Adam(rate, beta_2=0.99)
    # An optimizer built inside the train step makes TensorFlow trace that step twice.
    optimizer.build(network.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=model.jit_compile)
    model.take_steps(steps, [_StopWhenInterrupted(interrupts)])
