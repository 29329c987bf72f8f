"""The keras-dip command line.

Every way that a command can end is turned here into an exit code and at most a few
lines on standard error: 0 done, 1 failed, 2 wrong usage, 130 stopped with Ctrl-C or
by SIGTERM, which a shutdown or a cluster's scheduler sends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

import click

from keras_dip.cli.messages import Messages
from keras_dip.errors import KerasDipError
from keras_dip.interrupts import Interrupts, remembered

FAILED = 1
INTERRUPTED = 130  # what shells say of Ctrl-C: 128 + SIGINT


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    from keras_dip.cli.app import app

    messages, pressed = Messages(), Interrupts()
    try:
        with messages.warnings_as_lines(), _termination(), remembered() as pressed:
            code = app.main(
                args=args, prog_name="keras-dip", obj=messages, standalone_mode=False
            )
    except SystemExit as ended:  # click's own way out when a pipe breaks
        return ended.code if isinstance(ended.code, int) else FAILED
    except BaseException as error:
        # TensorFlow can make another error of Ctrl-C.
        return _explain(KeyboardInterrupt() if pressed.came else error, messages)
    return code if isinstance(code, int) else 0


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C, whatever that means at the moment, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler of its own: scripts start jobs in the background with Ctrl-C ignored.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _explain(error: BaseException, messages: Messages) -> int:
    """Say on standard error why a command ended; return the exit code."""
    # click makes Abort of both Ctrl-C and EOFError, images.write ImageError of OSError.
    causes = (error, error.__cause__)
    if any(isinstance(cause, BrokenPipeError) for cause in causes):
        _forget_stdout()
        return FAILED
    if any(isinstance(cause, KeyboardInterrupt) for cause in causes):
        messages.error("stopped.")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, KerasDipError):
        messages.error(str(error))
        messages.traceback(error)
        return FAILED
    messages.unexpected(error)
    return FAILED


def _forget_stdout() -> None:
    """Keep the interpreter from complaining, at its exit, about a broken pipe."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass  # not a real file: nothing will be flushed into a pipe either
