"""The curves of a fit: what was measured at each report."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_dip.metrics import psnr, ssim


class HistoryRecorder(keras.callbacks.Callback):
    """Records step, loss, seconds, the criterion, and psnr, ssim against a reference.

    What it measures is added to the logs, so that callbacks after this one see it. The
    picture that is measured is the one that would be returned: the running average of
    weights or of outputs, finished by the task.

    Attributes:
        seconds_before: seconds that an earlier run spent, where this one continues it.
    """

    SAVED = ("curves", "seconds")

    def __init__(
        self,
        current_picture: Callable[[], np.ndarray],
        reference: np.ndarray | None = None,
    ) -> None:
        """Set where the picture [H, W, C] comes from, and the ground truth for it."""
        super().__init__()
        self.curves: dict[str, list[float]] = {"step": [], "loss": [], "seconds": []}
        self._current_picture = current_picture
        self._reference = reference
        self.seconds_before = 0.0
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """The seconds of the fit so far, without what comparing with a reference took.

        Set by who continues a fit.
        """
        return self.seconds_before + time.perf_counter() - self._start

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        self.seconds_before, self._start = seconds, time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, and append one entry to every curve."""
        logs = {} if logs is None else logs
        logs["step"] = self.model.step
        logs["seconds"] = self.seconds
        if self._reference is not None:
            began = time.perf_counter()
            picture = self._current_picture()
            logs["psnr"] = psnr(picture, self._reference)
            logs["ssim"] = ssim(picture, self._reference)
            self._start += time.perf_counter() - began  # no part of the fit
        for name in ("step", "loss", "seconds", "criterion", "psnr", "ssim"):
            if name in logs:
                self.curves.setdefault(name, []).append(logs[name])

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Return the curves as 1-D arrays, `step` as integers."""
        arrays = {name: np.asarray(curve) for name, curve in self.curves.items()}
        arrays["step"] = arrays["step"].astype(int)
        return arrays


def joined(
    histories: Sequence[dict[str, np.ndarray]], name: str = "member"
) -> dict[str, np.ndarray]:
    """Return the curves of several fits as one; where there are several, numbered.

    `step` and `seconds` begin anew with each; `name` is the curve of their numbers.
    """
    if len(histories) == 1:
        return histories[0]
    curves = {
        curve: np.concatenate([history[curve] for history in histories])
        for curve in histories[0]
    }
    counts = [len(history["step"]) for history in histories]
    curves[name] = np.repeat(np.arange(len(histories)), counts)
    return curves
