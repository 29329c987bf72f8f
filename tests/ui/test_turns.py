"""The line of those who wait: one at a time, in their order, and out at will."""

import threading

import pytest

from keras_dip.cli.ui.turns import Turns


class Waiter:
    """Takes a turn in a thread of its own, until `end` is set."""

    def __init__(self, turns):
        self.told, self.events = [], []
        self.waits, self.has_turn = threading.Event(), threading.Event()
        self.stop, self.end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, args=(turns,), daemon=True)
        self.thread.start()

    def _run(self, turns):
        try:
            with turns.turn(self.stop, self._waiting):
                self.has_turn.set()
                self.end.wait()
        except KeyboardInterrupt:
            self.events.append("gave up")

    def _waiting(self, before):
        self.told.append(before)
        self.waits.set()


@pytest.fixture
def line():
    """Return the turns, and three in line of whom the first has it."""
    turns, waiters = Turns(), []
    for _ in range(3):
        waiter = Waiter(turns)
        assert (waiter.waits if waiters else waiter.has_turn).wait(10)
        waiters.append(waiter)
    yield turns, waiters
    for waiter in waiters:
        waiter.stop.set()
        waiter.end.set()
        waiter.thread.join(10)


def test_one_at_a_time_in_their_order(line):
    turns, (first, second, third) = line
    assert (second.told, third.told) == ([1], [2])
    assert not second.has_turn.is_set()
    first.end.set()
    assert second.has_turn.wait(10)
    assert not third.has_turn.is_set()
    second.end.set()
    assert third.has_turn.wait(10)
    assert not turns.wait_for_all(0)
    third.end.set()
    assert turns.wait_for_all(10)


def test_who_gives_up_leaves_the_line_while_the_first_goes_on(line):
    _, (first, second, third) = line
    third.waits.clear()
    second.stop.set()
    second.thread.join(10)
    assert second.events == ["gave up"] and not second.has_turn.is_set()
    assert third.waits.wait(10) and third.told == [2, 1]
    first.end.set()
    assert third.has_turn.wait(10)


def test_a_turn_that_fails_is_over():
    turns = Turns()
    with pytest.raises(ValueError), turns.turn(threading.Event(), print):
        raise ValueError
    assert turns.wait_for_all(0)
