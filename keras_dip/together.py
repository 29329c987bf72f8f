"""Fits that go on side by side and take their steps at once.

Every fit runs in a thread of its own, with its own callbacks, as if it were alone; but
only one thread works at a time, until it comes to its next steps. When all are there,
the steps of all that can be taken at once are one call, and each goes on with what came
of its own. A fit that has ended makes room for the next one, and does not hold up the
others.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

from keras_dip.interrupts import held_back

NO_MEMORY = "RESOURCE_EXHAUSTED"
"""What JAX says where the memory of a device does not suffice."""

_IN_FORCE: ContextVar["Together | None"] = ContextVar("together", default=None)


def in_force() -> "Together | None":
    """Return those that the present fit is one of; None where it is alone."""
    return _IN_FORCE.get()


@dataclass(frozen=True, eq=False)
class End:
    """What a function returned, or what it raised."""

    result: Any = None
    error: BaseException | None = None


class Together:
    """Functions that take turns until they meet, and there do one thing at once.

    Args:
        most: how many go on at the same time; or a function that tells it from the
            argument of the first that comes to `meet`.
    """

    def __init__(self, most: int | Callable[[Any], int]) -> None:
        """Set how many."""
        self._most = most

    def run(self, functions: Sequence[Callable[[], Any]]) -> list[End]:
        """Call all functions and return how each ended, in their order.

        Ctrl-C is held back meanwhile: what the functions note of it, they note by
        `keras_dip.interrupts`. Those that had not begun then end with
        KeyboardInterrupt.
        """
        turns = [_Turn(function) for function in functions]
        coming, live = deque(turns), list[_Turn]()
        token = _IN_FORCE.set(self)
        try:
            with held_back() as pressed:
                while coming or live:
                    while coming and len(live) < self._room(live):
                        turn = coming.popleft()
                        if pressed.came:
                            turn.end = End(error=KeyboardInterrupt())
                        else:
                            turn.begin()
                        live += [] if turn.end else [turn]
                    _call(live)
                    for turn in live:
                        turn.go_on()
                    live = [turn for turn in live if not turn.end]
        finally:
            _IN_FORCE.reset(token)
        return [turn.end or End() for turn in turns]

    def _room(self, live: list["_Turn"]) -> int:
        if callable(self._most):
            if not live:
                return 1  # the first one tells
            self._most = self._most(live[0].asked.argument)
        return max(self._most, 1)

    def meet(
        self,
        kind: Hashable,
        argument: Any,
        compute: Callable[[list[Any]], Sequence[Any]],
    ) -> Any:
        """Wait for the others, and return what `compute` makes of the argument.

        Args:
            kind: of what is to be done; it is done at once for arguments of equal kind.
            argument: of this function.
            compute: from the arguments of several to the results of each.

        Raises:
            Exception: what `compute` raised, in all that it computed for.
        """
        turn = threading.current_thread()
        if not isinstance(turn, _Turn):
            raise RuntimeError("Expected a function of run(). Received: another thread")
        return turn.ask(_Asked(kind, argument, compute))


@dataclass(eq=False)
class _Asked:
    """What a function waits for."""

    kind: Hashable
    argument: Any
    compute: Callable[[list[Any]], Sequence[Any]]
    result: Any = None
    error: Exception | None = None


class _Turn(threading.Thread):
    """A function in a thread that works only while it is its turn."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.asked: Any = None
        self.end: End | None = None
        self._function = function
        self._mine, self._back = threading.Semaphore(0), threading.Semaphore(0)

    def begin(self) -> None:
        """Let it work until it asks for something, or ends."""
        self._context = copy_context()
        self.start()
        self._back.acquire()

    def go_on(self) -> None:
        """Let it work on with what it asked for."""
        self._mine.release()
        self._back.acquire()

    def run(self) -> None:
        """Call the function, in the context of who began it."""
        try:
            self.end = End(self._context.run(self._function))
        except BaseException as error:
            self.end = End(error=error)
        finally:
            del self._function  # with all that it holds
            self._back.release()

    def ask(self, asked: _Asked) -> Any:
        """Wait for an answer; called in the thread itself."""
        self.asked = asked
        self._back.release()
        self._mine.acquire()
        self.asked = None
        if asked.error is not None:
            raise asked.error
        return asked.result


def _call(live: Sequence[_Turn]) -> None:
    """Compute what all wait for, at once where it is of one kind."""
    kinds: dict[Hashable, list[_Asked]] = {}
    for turn in live:
        kinds.setdefault(turn.asked.kind, []).append(turn.asked)
    for same in kinds.values():
        arguments = [asked.argument for asked in same]
        for asked in same:
            asked.argument = None  # its memory may be used for the result
        try:
            results = same[0].compute(arguments)
        except Exception as error:
            for asked in same:
                asked.error = error
        else:
            for asked, result in zip(same, results, strict=True):
                asked.result = result
