"""Progress of a fit, told to whatever can display it."""

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

import keras
import numpy as np


class Display(Protocol):
    """Something that shows progress: a terminal line, plain lines, a widget."""

    def start(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        """Begin to count `total_steps`, for the first, second ... of so many fits."""

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Show a report: `loss`, `seconds`, and `psnr` when it is known."""

    def stop(self) -> None:
        """End, also after an error."""


class ProgressCallback(keras.callbacks.Callback):
    """Hands every report of a fit to a display; on request every call between too.

    A report comes every 25 steps, which take minutes with a large network; a call is
    about half a second.
    """

    def __init__(self, display: Display, *, every_call: bool = False) -> None:
        """Set the display, and whether it hears of the calls between reports."""
        super().__init__()
        self.display = display
        self.every_call = every_call
        self._last_report: dict[str, Any] = {}
        self._start = time.perf_counter()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the display."""
        self._last_report = {}
        self._start = time.perf_counter()
        self.display.start(self.model.planned_steps, *self.model.place)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Show a call: its loss, and what the last report measured."""
        if self.every_call:
            loss = self.model.loss_so_far
            seconds = time.perf_counter() - self._start
            news = {**self._last_report, "loss": loss, "seconds": seconds}
            self.display.update(self.model.step, news)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show a report."""
        self._last_report = dict(logs or {})
        self.display.update(self.model.step, self._last_report)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the display."""
        self.display.stop()


class CallClock(keras.callbacks.Callback):
    """Times the calls of a fit, of which the first one may have to compile the step."""

    def __init__(self, *, is_known: bool = False) -> None:
        """Begin without any; `is_known` if the step is compiled already."""
        super().__init__()
        self.is_known = is_known
        self._begun = 0.0
        self._seconds: list[float] = []

    @property
    def compile_seconds(self) -> float:
        """What the first call took beyond the others; of a single call all.

        Three of four others took less, as calls can be of few steps or of none.
        """
        if self.is_known or not self._seconds:
            return 0.0
        first, *others = self._seconds
        usual = float(np.quantile(others, 0.75)) if others else 0.0
        return max(first - usual, 0.0)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Start the clock."""
        self._begun = time.perf_counter()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Keep the time."""
        self._seconds.append(time.perf_counter() - self._begun)


class PreviewCallback(keras.callbacks.Callback):
    """Hands the picture that a fit has come to to a function, now and then.

    It is the picture that would be returned if the fit ended there by itself, float32
    [H, W, C] in [0, 1]; of a picture in tiles, the tile at work, or with `whole` that
    picture with all tiles so far in it. The fit goes on as if nobody had looked.
    """

    def __init__(
        self,
        show: Callable[[int, np.ndarray], None],
        *,
        seconds: float = 1.0,
        whole: Callable[[], np.ndarray] | None = None,
    ) -> None:
        """Set what is called, and how often.

        Args:
            show: called with the step and the picture.
            seconds: to leave between two calls.
            whole: gives the picture, of the restored one's shape [H, W, C], into which
                tiles are put as they come; called only where there are tiles.
        """
        super().__init__()
        self.show = show
        self.seconds = seconds
        self.whole = whole
        self._canvas: np.ndarray | None = None
        self._next = 0.0

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Show the picture if it is time; counted from the end of the last look."""
        if time.perf_counter() < self._next:
            return
        picture = self.model.current_picture()
        if np.isfinite(picture).all():  # a fit that fell apart soon goes back
            self.show(self.model.step, self._with_tiles(picture))
        self._next = time.perf_counter() + self.seconds

    def _with_tiles(self, picture: np.ndarray) -> np.ndarray:
        """Return what is shown of what is fitted, which may be a tile."""
        tile = self.model.tile
        if tile is None or self.whole is None:
            return picture
        if self._canvas is None:
            self._canvas = self.whole()
        tile.of(self._canvas[np.newaxis])[0] = picture
        return self._canvas.copy()


class Furthest:
    """Shows several fits that go on together as one: the steps of the furthest."""

    def __init__(self, display: Display, count: int) -> None:
        """Set what displays them, and how many there are."""
        self.display = display
        self._to_start = self._to_stop = count
        self._count = count
        self._step = 0

    def start(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        """Begin to count with the first of them."""
        if self._to_start == self._count:
            self.display.start(total_steps, number, count, what)
        self._to_start -= 1

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Show a report, unless others are further."""
        if step >= self._step:
            self._step = step
            self.display.update(step, logs)

    def stop(self) -> None:
        """End with the last of them."""
        self._to_stop -= 1
        if not self._to_stop:
            self.display.stop()


class PlainDisplay:
    """One line per report, on stderr by default."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Set the stream."""
        self.stream = stream or sys.stderr
        self.total_steps = 0
        self._which = ""

    def start(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        """Remember the total, and which fit it is if there are several."""
        self.total_steps = total_steps
        self._which = f"{what} {number}/{count}  " if count > 1 else ""

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Print step, loss, PSNR when known, and seconds."""
        psnr = f"  psnr {logs['psnr']:.2f} dB" if "psnr" in logs else ""
        print(
            f"{self._which}step {step}/{self.total_steps}  "
            f"loss {logs['loss']:.6f}{psnr}"
            f"  {logs['seconds']:.1f} s",
            file=self.stream,
            flush=True,
        )

    def stop(self) -> None:
        """Do nothing: every line is complete."""
