"""What to do when a fit falls apart: go back to where it was good, and try again.

Adam with a large learning rate now and then blows up. The published code tries to go
back to earlier weights but leaves the optimiser's moments as they are; here the whole
state goes back: weights, moments, average and step count.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dip.fitting import PriorModel

DROP = 5.0
"""A data term that falls by more than this many dB between two reports is a failure."""

ATTEMPTS = 3
"""After so many returns the fit stops."""


class Recovery(keras.callbacks.Callback):
    """Returns the model to its last good report when the loss falls apart.

    Good is a finite loss at most 5 dB above the one of the last good report.
    """

    def __init__(self) -> None:
        """Start with nothing to go back to."""
        super().__init__()
        self.returns = 0
        self.lost_steps = 0
        self.gave_up = False
        self._good_loss = math.inf
        self._good_state: list[np.ndarray] = []

    @property
    def has_good_state(self) -> bool:
        """Tell whether there is a state to go back to, and to make a picture from."""
        return bool(self._good_state)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep a good state; leave a bad one, and stop when it happens too often."""
        if self.settle():
            self.returns += 1
            if self.returns > ATTEMPTS or not self.has_good_state:
                self.gave_up = True
                self.model.stop_training = True
        if logs is not None:
            logs["loss"] = float(ops.convert_to_numpy(self.model.last_loss))

    def settle(self) -> bool:
        """Keep the present state if it is good, else go back; tell whether it went.

        Also to be called after a fit that ended between two reports.
        """
        model: PriorModel = self.model
        loss = float(ops.convert_to_numpy(model.last_loss))
        limit = self._good_loss * 10 ** (DROP / 10)
        state = [ops.convert_to_numpy(v).copy() for v in model.state]
        # The loss is the one before the last update, which may have ruined the weights.
        is_finite = math.isfinite(loss) and all(np.isfinite(v).all() for v in state)
        is_good = is_finite and (loss <= limit or loss < 1e-12)
        if is_good:
            self._good_loss, self._good_state = loss, state
        elif self._good_state:
            step = model.step
            for variable, value in zip(model.state, self._good_state, strict=True):
                variable.assign(value)
            self.lost_steps += step - model.step
        return not is_good
