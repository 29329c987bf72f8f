"""Progress of a fit, told to whatever can display it."""

import sys
from typing import Any, Protocol, TextIO

import keras


class Display(Protocol):
    """Something that shows progress: a terminal line, plain lines, a widget."""

    def start(self, total_steps: int) -> None:
        """Begin; `total_steps` is the number of steps planned."""

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Show a report: `loss`, `seconds`, and `psnr` when it is known."""

    def stop(self) -> None:
        """End, also after an error."""


class ProgressCallback(keras.callbacks.Callback):
    """Hands every report of a fit to a display."""

    def __init__(self, display: Display, total_steps: int | None = None) -> None:
        """Set the display; by default the total is what the fit plans."""
        super().__init__()
        self.display = display
        self.total_steps = total_steps

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the display."""
        planned = getattr(self.model, "planned_steps", 0)
        self.display.start(self.total_steps or planned)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show a report."""
        self.display.update(self.model.step, dict(logs or {}))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the display."""
        self.display.stop()


class PlainDisplay:
    """One line per report, on stderr by default."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Set the stream."""
        self.stream = stream or sys.stderr
        self.total_steps = 0

    def start(self, total_steps: int) -> None:
        """Remember the total."""
        self.total_steps = total_steps

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Print step, loss, PSNR when known, and seconds."""
        psnr = f"  psnr {logs['psnr']:.2f} dB" if "psnr" in logs else ""
        print(
            f"step {step}/{self.total_steps}  loss {logs['loss']:.6f}{psnr}"
            f"  {logs['seconds']:.1f} s",
            file=self.stream,
            flush=True,
        )

    def stop(self) -> None:
        """Do nothing: every line is complete."""
