"""Functions that take turns and meet, without any fit."""

import os
import signal

import pytest

from keras_dip.interrupts import remembered
from keras_dip.together import Together, in_force


def doubler(calls):
    """Return what doubles numbers, and notes how many at once."""

    def double(numbers):
        calls.append(list(numbers))
        return [2 * number for number in numbers]

    return double


def test_all_meet_and_each_goes_on_with_its_own():
    calls, group = [], Together(3)
    double = doubler(calls)

    def work(number, times):
        for _ in range(times):
            number = group.meet("kind", number, double)
        return number

    ends = group.run([lambda i=i: work(i, times=i) for i in (1, 3, 2)])
    assert [end.result for end in ends] == [2, 24, 8]
    # The one that ended does not hold up the others.
    assert calls == [[1, 3, 2], [6, 4], [12]]
    assert in_force() is None


def test_what_is_of_another_kind_is_done_apart():
    calls, group = [], Together(3)
    double = doubler(calls)
    ends = group.run(
        [lambda i=i: group.meet(i % 2, i, double) for i in (10, 11, 12)],
    )
    assert [end.result for end in ends] == [20, 22, 24]
    assert calls == [[10, 12], [11]]


def test_those_that_do_not_fit_in_begin_when_others_end():
    calls, told = [], []
    double = doubler(calls)

    def room(first):
        told.append(first)
        return 2

    group = Together(room)
    ends = group.run([lambda i=i: group.meet("kind", i, double) for i in range(5)])
    assert [end.result for end in ends] == [0, 2, 4, 6, 8]
    assert calls == [[0, 1], [2, 3], [4]]
    assert told == [0]


def test_only_one_works_at_a_time():
    events, group = [], Together(2)

    def work(name):
        for _ in range(2):
            events.append(f"{name} begins")
            events.append(f"{name} ends")
            group.meet("kind", name, list)

    group.run([lambda: work("a"), lambda: work("b")])
    assert events == ["a begins", "a ends", "b begins", "b ends"] * 2


def test_an_error_of_one_is_its_own_and_of_the_meeting_everyones():
    group = Together(3)

    def broken(arguments):
        raise ArithmeticError(f"not {len(arguments)}")

    def refuse():
        raise ValueError("no picture")

    ends = group.run([refuse, *[lambda: group.meet("kind", 1, broken)] * 2])
    assert [repr(end.error) for end in ends] == [
        "ValueError('no picture')",
        *["ArithmeticError('not 2')"] * 2,
    ]


def test_a_function_that_never_meets():
    assert Together(2).run([lambda: 7])[0].result == 7
    assert Together(2).run([]) == []


def test_only_functions_of_the_group_can_meet():
    with pytest.raises(RuntimeError, match="Received: another thread"):
        Together(2).meet("kind", 1, list)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_all_hear_of_ctrl_c_and_none_begins_after_it():
    group, heard = Together(2), []

    def work(presses):
        with remembered() as pressed:
            group.meet("kind", 1, list)
            if presses:
                os.kill(os.getpid(), signal.SIGINT)
            group.meet("kind", 1, list)
            heard.append(pressed.came)

    ends = group.run([lambda: work(True), lambda: work(False), lambda: work(False)])
    assert heard == [True, True]
    assert [type(end.error) for end in ends] == [type(None)] * 2 + [KeyboardInterrupt]
