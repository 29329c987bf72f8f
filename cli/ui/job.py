"""One restoration behind the page: a fit in a thread of its own, watched and stopped.

A thread, as TensorFlow lets others run while it computes; and one at a time, as two
fits would only halve each other's pace.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from keras_dip.cli import files
from keras_dip.cli.fit import prior_for
from keras_dip.cli.messages import Messages
from keras_dip.cli.request import Request
from keras_dip.cli.task_command import Ready, arguments_of, prepare
from keras_dip.cli.ui.looks import as_image
from keras_dip.cli.ui.turns import Turns
from keras_dip.errors import KerasDipError

if TYPE_CHECKING:
    import numpy as np

    from keras_dip.restoration import Restoration

Phase = Literal[
    "waiting", "preparing", "fitting", "finishing", "restored", "done", "failed"
]

STOPPED_EARLY = "Stopped before the first step: there is no picture yet."
PREVIEW_SECONDS = 1.0
TURNS = Turns()
"""Of all fits of this process."""


@dataclass(frozen=True)
class State:
    """How far a restoration is.

    Attributes:
        phase: What is being done; "restored" still writes files.
        before: Fits whose turn comes first, while it waits.
        step: Steps taken, of `total`.
        total: Steps that are planned at most.
        place: Which fit of several it is, in words; "" for the only one.
        seconds: Of this fit so far.
        picture: The picture so far, or in the end, floats [H, W, C] in [0, 1].
        curves: (step, loss, criterion or None) of each report of this fit.
        restoration: The result, once there is one.
        files: What was written: "picture", "onnx", "report" to their paths.
        notes: What could not be written, one line each.
        error: Why there is no result, one line.
    """

    phase: Phase = "preparing"
    before: int = 0
    step: int = 0
    total: int = 0
    place: str = ""
    seconds: float = 0.0
    picture: np.ndarray | None = None
    curves: tuple[tuple[int, float, float | None], ...] = ()
    restoration: Restoration | None = None
    files: dict[str, Path] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing more will come."""
        return self.phase in ("done", "failed")


class Job:
    """A restoration that can be watched and stopped.

    Args:
        request: What is asked for; its output lies in a folder of its own.
        most_pixels: Pixels that the picture, and the restored one, may have.
        stop: Set by who wants the best picture so far.
        messages: Where warnings go.
    """

    def __init__(
        self,
        request: Request,
        *,
        most_pixels: int,
        stop: threading.Event,
        messages: Messages,
    ) -> None:
        """Begin nothing yet."""
        self.request = request
        self.most_pixels = most_pixels
        self.stop = stop
        self.messages = messages
        self.state = State()
        self._changed = threading.Condition()

    def states(self) -> Iterator[State]:
        """Start, and yield the state whenever it is another, to the end.

        Who stops listening stops the fit.
        """
        thread = threading.Thread(target=self._run, name="keras-dip fit", daemon=True)
        thread.start()
        seen = None
        try:
            while seen is None or not seen.has_ended:
                seen = self._after(seen)
                yield seen
        finally:
            self.stop.set()

    def _after(self, seen: State | None) -> State:
        """Wait for another state than this."""
        with self._changed:
            self._changed.wait_for(lambda: self.state is not seen)
            return self.state

    def tell(self, **news: Any) -> None:
        """Change the state."""
        with self._changed:
            self.state = dataclasses.replace(self.state, **news)
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            with TURNS.turn(self.stop, self._wait):
                self.tell(phase="preparing")
                self._restore()
        except KeyboardInterrupt:
            self.tell(phase="failed", error=STOPPED_EARLY)
        except BaseException as error:
            self.tell(phase="failed", error=in_one_line(error))
            if not is_expected(error):
                self.messages.unexpected(error)

    def _wait(self, before: int) -> None:
        self.tell(phase="waiting", before=before)

    def _restore(self) -> None:
        ready = prepare(self.request, self.messages)
        check_size(ready, self.most_pixels)
        display = _Watch(self)
        settings = arguments_of(self.request)
        settings["snapshots"] = "auto"  # for the film strip of the report
        error = None
        with prior_for(ready.task, settings, self.messages, display=display) as prior:
            from keras_dip.progress import PreviewCallback

            prior.callbacks.append(
                PreviewCallback(
                    display.show,
                    seconds=PREVIEW_SECONDS,
                    whole=lambda: as_begun(ready),
                )
            )
            try:
                prior.fit(ready.picture)
            except Exception as raised:
                if prior.restoration is None:
                    raise
                error = raised
        restoration = prior.restoration
        assert restoration is not None
        self.tell(
            phase="restored",
            picture=restoration.image,
            restoration=restoration,
            notes=() if error is None else (in_one_line(error),),
        )
        self._write(ready, restoration)
        self.tell(phase="done")

    def _write(self, ready: Ready, restoration: Restoration) -> None:
        """Write the files that can be downloaded, as many as can be had."""
        from keras_dip import images

        output = Path(self.request.output)
        onnx = output.with_suffix(".onnx")
        report = output.with_suffix(".html")
        info = dataclasses.replace(ready.info, note=files.note_of(restoration.settings))
        self._attempt(
            "picture",
            output,
            lambda: images.write(restoration.image, output, info=info),
        )
        self._attempt("onnx", onnx, lambda: restoration.export(onnx))
        title = Path(self.request.source).name
        made = onnx if "onnx" in self.state.files else None
        self._attempt(
            "report",
            report,
            lambda: restoration.report(report, title=title, onnx=made),
        )

    def _attempt(self, name: str, path: Path, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:
            self.tell(notes=(*self.state.notes, in_one_line(error)))
            if not is_expected(error):
                self.messages.unexpected(error)
        else:
            self.tell(files={**self.state.files, name: path})


class _Watch(contextlib.AbstractContextManager["_Watch"]):
    """The display of a fit whose progress becomes the state of a job.

    Also what stops the fit: an interrupt from here ends it as Ctrl-C would.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._before: tuple[np.ndarray, int] | None = None  # mean of so many members
        self._total = 0

    def __exit__(self, *error: object) -> None:
        pass

    def start(
        self, total_steps: int, number: int = 1, count: int = 1, what: str = "member"
    ) -> None:
        place = f"{what} {number} of {count}" if count > 1 else ""
        picture = self.job.state.picture
        self._before, self._total = None, total_steps
        if what == "member" and number > 1 and picture is not None:
            self._before = picture, number - 1
        self.job.tell(
            phase="fitting", step=0, total=total_steps, place=place, curves=()
        )
        self._heed()

    def update(self, step: int, logs: dict[str, Any]) -> None:
        curves = self.job.state.curves
        if logs.get("step") == step:  # a report; between them the last one's is told
            curves = (*curves, (step, logs["loss"], logs.get("criterion")))
        self.job.tell(step=step, seconds=logs["seconds"], curves=curves)
        self._heed()

    def show(self, step: int, picture: np.ndarray) -> None:
        """Show the picture so far: of several members the mean.

        The one at work counts by how far it is, so that the picture does not fall back
        when the next one begins.
        """
        if self._before is not None:
            mean, members = self._before
            share = step / self._total
            picture = (members * mean + share * picture) / (members + share)
        self.job.tell(picture=picture)

    def stop(self) -> None:
        self.job.tell(phase="finishing")

    def _heed(self) -> None:
        if self.job.stop.is_set():
            self.job.tell(phase="finishing")
            raise KeyboardInterrupt


def as_begun(ready: Ready) -> np.ndarray:
    """Return what came in, in the shape [H, W, C] of what is restored."""
    import numpy as np

    from keras_dip.images.convert import to_unit

    picture = to_unit(ready.picture)
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    if ready.task.takes_alpha and channels in (2, 4):
        channels -= 1
    height, width, channels = ready.task.restored_shape((*picture.shape[:2], channels))
    if channels not in (1, 3):  # of many bands only some can be shown
        return np.full((height, width, channels), 0.5, "float32")
    image = as_image(picture).convert("L" if channels == 1 else "RGB")
    pixels = np.asarray(image.resize((width, height)))
    return to_unit(pixels.reshape(height, width, channels))


def check_size(ready: Ready, most_pixels: int) -> None:
    """Refuse pictures that would keep the page busy for too long; KerasDipError."""
    height, width = ready.picture.shape[:2]
    channels = 1 if ready.picture.ndim == 2 else ready.picture.shape[2]
    restored = ready.task.restored_shape((height, width, channels))
    for what, (rows, columns) in (
        ("a picture", (height, width)),
        ("a restored picture", restored[:2]),
    ):
        if rows * columns > most_pixels:
            raise too_large(what, rows, columns, most_pixels)


def too_large(what: str, height: int, width: int, most_pixels: int) -> KerasDipError:
    """Return the refusal of a picture of so many pixels."""
    return KerasDipError(
        f"Expected {what} of at most {most_pixels} pixels on this page. Received: "
        f"{width}x{height}. Larger ones are for the command line, or for "
        "'keras-dip ui --max-pixels'."
    )


def is_expected(error: BaseException) -> bool:
    """Tell whether an error is a user's to mend, and its message made for one."""
    return isinstance(error, (KerasDipError, click.ClickException, ValueError))


def in_one_line(error: BaseException) -> str:
    """Return what a person is told of an error."""
    if isinstance(error, click.ClickException):
        text = error.message
    elif is_expected(error):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())
