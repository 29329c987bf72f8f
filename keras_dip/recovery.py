"""What to do when a fit falls apart: go back to where it was good, and try again.

Adam with a large learning rate now and then blows up. The published code tries to go
back to earlier weights but leaves the optimiser's moments as they are; here the whole
state goes back: weights, moments, averages and step count.
"""

import math
from typing import Any

import keras
import numpy as np

from keras_dip.fitting import PriorModel

DROP = 5.0
"""A data term that falls by more than this many dB between two reports is a failure."""

ATTEMPTS = 3
"""After so many returns in a row the fit stops."""

FORGIVEN_AFTER = 10
"""After so many good reports in a row earlier returns no longer count."""


class Recovery(keras.callbacks.Callback):
    """Returns the model to its last good report when the loss falls apart.

    Good is a finite loss at most 5 dB above the one of the last good report. Before the
    first report every finite state is good.

    Attributes:
        returns: how often the model went back since it was last in order.
        taken: steps taken, those that were undone included.
        gave_up: whether the fit was stopped because it fell apart too often.
    """

    SAVED = ("returns", "taken", "gave_up", "_good_reports", "_good_loss")

    def __init__(self) -> None:
        """Start with nothing to go back to."""
        super().__init__()
        self.returns = 0
        self.taken = 0
        self.gave_up = False
        self._seen_step = 0
        self._good_reports = 0
        self._good_loss = math.inf
        self._good_state: list[np.ndarray] = []

    @property
    def has_picture(self) -> bool:
        """Tell whether there is a good state after at least one step."""
        return bool(self._good_state) and self.model.step > 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep the state before the first step."""
        self._seen_step = self.model.step
        self._good_state = _values(self.model)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Count the steps; before the first report keep every state that is finite."""
        self._count()
        if math.isinf(self._good_loss):
            state = _values(self.model)
            if _is_finite(self.model, state):
                self._good_state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep a good state; leave a bad one, and stop when it happens too often."""
        if self.settle():
            self.returns += 1
            self._good_reports = 0
            if self.returns > ATTEMPTS:
                self.gave_up = True
                self.model.stop_training = True
        else:
            self._good_reports += 1
            if self._good_reports >= FORGIVEN_AFTER:
                self.returns = 0
        if logs is not None:
            logs["loss"] = self.model.loss_so_far

    def settle(self) -> bool:
        """Keep the present state if it is good, else go back; tell whether it went.

        Also to be called after a fit that ended between two reports.
        """
        self._count()
        model: PriorModel = self.model
        loss = model.loss_so_far
        limit = self._good_loss * 10 ** (DROP / 10)
        state = _values(model)
        if _is_finite(model, state) and (loss <= limit or loss < 1e-12):
            self._good_loss, self._good_state = loss, state
            return False
        for variable, value in zip(model.state, self._good_state, strict=True):
            variable.assign(value)
        self._seen_step = model.step
        return True

    def _count(self) -> None:
        self.taken += max(self.model.step - self._seen_step, 0)
        self._seen_step = self.model.step


def _values(model: PriorModel) -> list[np.ndarray]:
    arrays: list[np.ndarray] = model.arrays_of(model.state)
    return arrays


def _is_finite(model: PriorModel, state: list[np.ndarray]) -> bool:
    # The loss is the one before the last update, which may have ruined the weights.
    loss = model.loss_so_far
    return math.isfinite(loss) and all(np.isfinite(value).all() for value in state)
