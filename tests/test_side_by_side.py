import json
import os

import pytest

from keras_dip.side_by_side import call_all


def call(*calls, at_once=4, seconds=60, **environment):
    return call_all(
        "json" if not environment else "os",
        calls,
        at_once=at_once,
        seconds=seconds,
        environment=environment,
    )


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_results_are_in_the_order_of_the_calls(at_once):
    texts = ["1", "[2, 3]", '{"a": null}']
    results = call(*(("loads", [text]) for text in texts), at_once=at_once)
    assert results == [json.loads(text) for text in texts]


def test_one_that_fails_leaves_the_others():
    assert call(("loads", ["{"]), ("nothing", []), ("loads", ["4"])) == [None, None, 4]


def test_they_have_the_environment():
    name = "KERAS_DIP_OF_A_TEST"
    assert call(("getenv", [name]), **{name: "yes"}) == ["yes"]
    assert name not in os.environ


def test_who_has_no_time_is_killed_and_all_after_it():
    results = call_all(
        "time",
        [("sleep", [600]), ("sleep", [600])],
        at_once=1,
        seconds=0.01,
        environment={},
    )
    assert results == [None, None]
