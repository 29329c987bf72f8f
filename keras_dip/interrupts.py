"""Ctrl-C while a result is being finished: remembered, so that nothing is lost."""

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
    """Note Ctrl-C instead of raising KeyboardInterrupt, in the main thread.

    Python hands signals to the main thread alone: in others nothing has to be done.
    """
    interrupts = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or before in (signal.SIG_IGN, None):
        yield interrupts
        return

    def note(*_: object) -> None:
        interrupts.came = True

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
