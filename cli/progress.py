"""How far a fit is: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from keras_dip.batch.machine import keras_backend
from keras_dip.cli.messages import Messages

if TYPE_CHECKING:
    from rich.progress import Progress

SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 12
BESIDE = 10  # columns of a live line for the spinner, the least bar and the gaps
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX"}
SECONDS_BETWEEN_LINES = 10.0
REPORTS_IN_PACE = 20


class Display(Protocol):
    """What shows the progress of a fit; used as a context around everything slow."""

    def __enter__(self) -> Display:
        """Appear, before there is anything to count."""

    def __exit__(self, *error: object) -> None:
        """Disappear, whatever happened."""

    def start(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        """Begin to count so many steps, for the first, second ... of so many fits."""

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Show a report: `loss`, `seconds`, and `psnr` when it is known."""

    def stop(self) -> None:
        """End."""


def display_for(messages: Messages, title: str) -> Display:
    """Return the display that suits standard error and the volume asked for."""
    if messages.quiet:
        return Silence()
    # A dumb terminal cannot go back to the start of its line.
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return LiveLine(title)
    return PlainLines(messages, title)


class Status:
    """The words about a fit: step, loss, PSNR when known, rate and time left.

    The rate is that of the last reports, so that the slow first step, which builds the
    graph, and a machine that became busy do not spoil the forecast.
    """

    def __init__(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        """Begin a fit of so many steps, the first, second ... of several."""
        self.total_steps = total_steps
        self._first = [f"{what} {number}/{count}"] if count > 1 else []
        self._later = (count - number) * total_steps
        self._seen: deque[tuple[int, float]] = deque(maxlen=REPORTS_IN_PACE)

    def words(self, step: int, logs: dict[str, Any]) -> str:
        """Return a report in words, and remember it for the rate."""
        self._seen.append((step, float(logs["seconds"])))
        parts = [*self._first, f"step {step}/{self.total_steps}"]
        parts.append(f"loss {float(logs['loss']):.3g}")
        psnr = float(logs.get("psnr", math.nan))
        if not math.isnan(psnr):
            parts.append(f"PSNR {psnr:.2f} dB")
        rate = self._rate()
        if rate:
            parts.append(f"{rate:.3g} steps/s")
            parts.append(
                f"{clock((self.total_steps - step + self._later) / rate)} left"
            )
        return "  ".join(parts)

    def _rate(self) -> float | None:
        (first, since), (last, until) = self._seen[0], self._seen[-1]
        return (last - first) / (until - since) if until > since else None


def bar() -> Progress:
    """Return a line on standard error: a bar, and a text called `status` (rich)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    return Progress(
        SpinnerColumn(),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4)),
        TextColumn(
            "{task.fields[status]}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis"),
        ),
        console=Console(stderr=True),
        transient=True,  # the summary takes the line's place
        expand=True,
        redirect_stdout=False,  # it may carry a picture
    )


def sparkline(values: Sequence[float]) -> str:
    """Return the last numbers as a row of little bars, the least of them lowest."""
    seen = [value for value in values if math.isfinite(value)][-SPARK_WIDTH:]
    if not seen:
        return ""
    low, high = min(seen), max(seen)
    scale = (len(SPARKS) - 1) / (high - low) if high > low else 0
    return "".join(SPARKS[round((value - low) * scale)] for value in seen)


class LiveLine:
    """A bar and the status on one line that is drawn again and again (rich).

    Before the words stand the last values of what the stopping rule measures, as little
    bars: while they fall, the fit gets better.
    """

    def __init__(self, title: str) -> None:
        """Prepare the line."""
        self._progress = bar()
        # The words fill most of 80 columns: the title goes when they come.
        status = f"{title}: {_starting()}"
        self._line = self._progress.add_task(title, total=None, status=status)
        self._status = Status(0)
        self._criteria: dict[int, float] = {}  # by the step of the report
        encoding = getattr(sys.stderr, "encoding", None) or "ascii"
        self._has_sparks = encoding.lower().startswith("utf")

    def __enter__(self) -> LiveLine:
        """Show the line."""
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the line."""
        self._progress.stop()

    def start(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        """Begin to count."""
        self._status = Status(total_steps, number, count, what)
        self._criteria.clear()
        status = "compiling" if number == 1 else "first steps"
        self._progress.update(self._line, total=total_steps, status=status)

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Move the bar and renew the words."""
        status = self._status.words(step, logs)
        if self._has_sparks and "criterion" in logs:
            # A report is told again with the calls after it.
            self._criteria[logs.get("step", step)] = float(logs["criterion"])
            sparks = sparkline([*self._criteria.values()])
            if self._progress.console.width - len(status) - len(sparks) >= BESIDE:
                status = f"{sparks}  {status}"
        self._progress.update(self._line, completed=step, status=status)

    def stop(self) -> None:
        """Say what happens between the last step and the result."""
        self._progress.update(self._line, status="finishing")


class PlainLines:
    """A line at the start, every ten seconds, and at the end, for logs and pipes."""

    def __init__(self, messages: Messages, title: str) -> None:
        """Prepare."""
        self._messages = messages
        self._title = title
        self._status = Status(0)
        self._said_at = -math.inf
        self._unsaid: str | None = None
        self._last: tuple[int, float | None] | None = None  # step and PSNR

    def __enter__(self) -> PlainLines:
        """Say that something begins."""
        self._messages.note(f"{self._title}: {_starting()}")
        return self

    def __exit__(self, *error: object) -> None:
        """Say the last report, if that was not done yet."""
        self.stop()

    def start(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        """Begin to count; seconds and steps of a further member begin anew."""
        self._status = Status(total_steps, number, count, what)
        self._said_at = -math.inf
        self._last = None

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Say a report, unless one was said just before."""
        # A report comes right after the call that took its last step.
        news = (step, logs.get("psnr"))
        if news == self._last:
            return
        self._last = news
        self._unsaid = self._status.words(step, logs)
        if logs["seconds"] - self._said_at >= SECONDS_BETWEEN_LINES:
            self._said_at = logs["seconds"]
            self.stop()

    def stop(self) -> None:
        """Say the last report."""
        if self._unsaid is not None:
            self._messages.note(f"{self._title}: {self._unsaid}")
        self._unsaid = None


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Silence:
        """Do nothing."""
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""

    def start(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        """Do nothing."""

    def update(self, step: int, logs: dict[str, Any]) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


def _starting() -> str:
    """Return what is said while the backend of Keras is imported."""
    name = keras_backend()
    return f"starting {BACKENDS.get(name, name)}"


def clock(seconds: float) -> str:
    """Return a duration as people read it: 0:07, 12:30, 1:02:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
