"""Ctrl-C remembered: while a result is finished, and where a library swallows it."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Interrupts:
    """Whether Ctrl-C was pressed meanwhile."""

    came: bool = False


_HEARD: ContextVar[Interrupts | None] = ContextVar("heard", default=None)
"""What the main thread hears, for threads that work for it in its context."""


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
    """Note SIGINT, and SIGTERM where that is taken as Ctrl-C.

    Python hands signals to the main thread alone. What is ignored stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _HEARD.get() or Interrupts()
        return
    interrupts = Interrupts()
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    heard = {s: handler for s, handler in before.items() if callable(handler)}

    def note(*_: object) -> None:
        interrupts.came = True
        if also_raise:
            raise KeyboardInterrupt

    token = _HEARD.set(interrupts)
    for number in heard:
        signal.signal(number, note)
    try:
        yield interrupts
    finally:
        _HEARD.reset(token)
        for number, handler in heard.items():
            signal.signal(number, handler)
