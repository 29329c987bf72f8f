import io

import pytest

from keras_dip.batch.manifest import DONE, FAILED, SKIPPED, Entry
from keras_dip.cli import batch_progress
from keras_dip.cli.batch_progress import LiveLine, PlainLines, Tally, display_for
from keras_dip.cli.messages import Messages


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes only when it is told to."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(batch_progress, "time", clock)
    return clock


def add(tally, result, count=1):
    for index in range(count):
        tally.add(Entry(f"in/{index}.png", f"{index}.png", result, error="oh"))


def test_the_forecast_is_that_of_the_pictures_that_took_time(clock):
    tally = Tally(100)
    assert tally.words() == "0/100 pictures"
    add(tally, SKIPPED, 50)
    assert tally.words() == "50/100 pictures  50 skipped"
    add(tally, DONE, 8)
    add(tally, FAILED, 2)
    clock.now += 100
    assert tally.words() == "60/100 pictures  50 skipped  2 failed  6:40 left"
    add(tally, DONE, 40)
    assert tally.words() == "100/100 pictures  50 skipped  2 failed"


def test_the_table_tells_all_counts_and_the_first_reasons(clock):
    tally = Tally(40)
    add(tally, DONE, 3)
    add(tally, FAILED, 25)
    clock.now += 75
    lines = tally.table()
    assert [line.split() for line in lines[:4]] == [
        ["done", "3", "in", "1:15"],
        ["skipped", "0"],
        ["failed", "25"],
        ["not", "begun", "or", "cut", "off", "12"],
    ]
    assert lines[4] == "  in/0.png   oh" and len(lines[4:-1]) == 20
    assert lines[-1] == "  and 5 more: see the manifest"


def test_plain_lines_are_not_too_many(clock, capsys):
    tally = Tally(4)
    with PlainLines(Messages(), "batch x") as display:
        for seconds in (0, 1, 9, 5):
            clock.now += seconds
            add(tally, SKIPPED)
            display.update(tally)
    told = [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == ["batch x: 1/4 pictures", "batch x: 3/4 pictures"]


def test_a_terminal_gets_one_line(monkeypatch):
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stderr", stream)
    tally = Tally(2)
    display = display_for(Messages(), "batch x")
    assert isinstance(display, LiveLine)
    with display:
        add(tally, SKIPPED)
        display.update(tally)
    assert "1/2 pictures  1 skipped" in stream.getvalue()
    assert isinstance(display_for(Messages(quiet=True), "batch x"), PlainLines)
