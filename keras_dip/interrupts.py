"""Ctrl-C remembered: while a result is finished, and where a library swallows it."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Interrupts:
    """Whether Ctrl-C was pressed meanwhile."""

    came: bool = False


@contextlib.contextmanager
def held_back() -> Iterator[Interrupts]:
    """Note Ctrl-C instead of raising KeyboardInterrupt, in the main thread."""
    with _noted(also_raise=False) as interrupts:
        yield interrupts


@contextlib.contextmanager
def remembered() -> Iterator[Interrupts]:
    """Note Ctrl-C and raise KeyboardInterrupt as usual, in the main thread.

    An exception that comes while TensorFlow traces a function can be lost in it.
    """
    with _noted(also_raise=True) as interrupts:
        yield interrupts


@contextlib.contextmanager
def _noted(*, also_raise: bool) -> Iterator[Interrupts]:
    """Note SIGINT; Python hands signals to the main thread alone."""
    interrupts = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or before in (signal.SIG_IGN, None):
        yield interrupts
        return

    def note(*_: object) -> None:
        interrupts.came = True
        if also_raise:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
