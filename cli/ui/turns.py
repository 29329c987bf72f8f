"""Whose turn it is: one fit at a time, in the order in which they were asked for."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator

PAUSE = 0.2
"""Seconds between two looks at whether one who waits has given up."""


class Turns:
    """A line of those who wait; the first has the turn."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def turn(
        self, stop: threading.Event, waiting: Callable[[int], None]
    ) -> Iterator[None]:
        """Wait for the turn, and have it for as long as the context lasts.

        Args:
            stop: Set by one who gives up waiting.
            waiting: Told how many come first, whenever that is another number.

        Raises:
            KeyboardInterrupt: If `stop` was set before the turn came.
        """
        own = object()
        with self._changed:
            self._line.append(own)
        try:
            self._wait(own, stop, waiting)
            yield
        finally:
            with self._changed:
                self._line.remove(own)
                self._changed.notify_all()

    def _wait(
        self, own: object, stop: threading.Event, waiting: Callable[[int], None]
    ) -> None:
        told = 0
        with self._changed:
            while before := self._line.index(own):
                if stop.is_set():
                    raise KeyboardInterrupt
                if before != told:
                    waiting(before)
                    told = before
                self._changed.wait(PAUSE)

    def wait_for_all(self, seconds: float) -> bool:
        """Wait until nobody is left; tell whether that came about in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._line, seconds)
