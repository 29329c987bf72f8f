import io
import math

import pytest

from keras_dip.cli.messages import Messages
from keras_dip.cli.progress import (
    SPARK_WIDTH,
    LiveLine,
    PlainLines,
    Silence,
    Status,
    clock,
    display_for,
    sparkline,
)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Make standard error a terminal; to be called in the test, after pytest's own."""

    def open_terminal(columns=100):
        stream = Terminal()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr("sys.stderr", stream)
        return stream

    return open_terminal


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.4, "0:07"), (750, "12:30"), (3723, "1:02:03"), (-1, "0:00")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_words_tell_rate_and_time_left():
    status = Status(100)

    first = status.words(10, {"loss": 0.012345, "seconds": 30.0})
    second = status.words(30, {"loss": 0.001, "seconds": 34.0, "psnr": 28.314})

    # The 30 s before the first report built the graph: they say nothing of the rest.
    assert first == "step 10/100  loss 0.0123"
    assert second == ("step 30/100  loss 0.001  PSNR 28.31 dB  5 steps/s  0:14 left")


def test_the_rate_follows_a_machine_that_slows_down():
    status = Status(10_000)
    for step in range(100):
        status.words(step, {"loss": 1, "seconds": step * 0.1})
    for step in range(100, 130):
        words = status.words(step, {"loss": 1, "seconds": 9.9 + (step - 99) * 2})

    assert "0.5 steps/s" in words


def test_an_unknown_psnr_is_left_out():
    assert "PSNR" not in Status(9).words(
        1, {"loss": 1.0, "seconds": 1.0, "psnr": float("nan")}
    )


def test_plain_lines_come_now_and_then_and_at_the_end(capsys):
    with PlainLines(Messages(), "denoise") as display:
        display.start(100)
        for step in range(1, 24):
            display.update(step, {"loss": 1.0, "seconds": float(step)})
        display.stop()

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "denoise: starting TensorFlow"
    shown = [line.split("/")[0] for line in lines[1:]]
    assert shown == [f"denoise: step {step}" for step in (1, 11, 21, 23)]


@pytest.mark.parametrize(
    ("backend", "name"), [("", "TensorFlow"), ("jax", "JAX"), ("torch", "torch")]
)
def test_what_is_started_is_named(capsys, monkeypatch, backend, name):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with PlainLines(Messages(), "denoise"):
        pass
    assert capsys.readouterr().err == f"denoise: starting {name}\n"


def test_plain_lines_of_a_further_member_begin_anew(capsys):
    with PlainLines(Messages(), "denoise") as display:
        for _ in range(2):
            display.start(3)
            for step in (1, 2, 3):
                display.update(step, {"loss": 1.0, "seconds": 30.0 + step})
            display.stop()

    shown = [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()[1:]]
    # The second is at 31 s, not ten after the last line of the first.
    assert shown == ["denoise: step 1/3", "denoise: step 3/3"] * 2


def test_the_member_is_named_where_there_are_several():
    report = {"loss": 1.0, "seconds": 1.0}
    assert Status(3, 2, 4).words(1, report).startswith("member 2/4  step 1/3  loss")
    assert Status(3).words(1, report).startswith("step 1/3  loss")


def test_a_further_member_of_one_report_is_told_too(capsys):
    with PlainLines(Messages(), "denoise") as display:
        for _ in range(2):
            display.start(3)
            display.update(3, {"loss": 1.0, "seconds": 1.0})
            display.stop()

    assert capsys.readouterr().err.count("step 3/3") == 2


def test_plain_lines_do_not_repeat_the_last(capsys):
    with PlainLines(Messages(), "denoise") as display:
        display.start(2)
        display.update(1, {"loss": 1.0, "seconds": 1.0})
        display.stop()

    assert capsys.readouterr().err.count("step 1/2") == 1


@pytest.mark.parametrize(
    ("call", "report", "lines"),
    [
        ({}, {}, 1),
        ({}, {"psnr": 30.0}, 2),  # the report at the end of a call measured it
        ({"psnr": 29.0}, {"psnr": 30.0}, 2),  # the call repeated an older one
        ({"psnr": 30.0}, {"psnr": 30.0}, 1),
    ],
)
def test_a_step_is_said_again_only_with_a_new_psnr(capsys, call, report, lines):
    with PlainLines(Messages(), "denoise") as display:
        display.start(2)
        display.update(1, {"loss": 1.0, "seconds": 1.0})
        display.update(2, {"loss": 0.5, "seconds": 20.0, **call})
        display.update(2, {"loss": 0.5, "seconds": 20.5, **report})
        display.stop()

    shown = capsys.readouterr().err
    assert shown.count("step 2/2") == lines
    assert all(f"PSNR {psnr:.2f}" in shown for psnr in report.values())


def test_a_broken_fit_still_shows_its_last_report(capsys):
    with pytest.raises(RuntimeError), PlainLines(Messages(), "denoise") as display:
        display.start(9)
        display.update(1, {"loss": 1.0, "seconds": 1.0})
        display.update(2, {"loss": 1.0, "seconds": 2.0})
        raise RuntimeError

    assert "step 2/9" in capsys.readouterr().err


def test_the_live_line_shows_reports_on_one_line(terminal):
    stream = terminal()
    with LiveLine("denoise") as display:
        display.start(100)
        display.update(50, {"loss": 0.25, "seconds": 1.0})
        display._progress.refresh()  # it draws ten times a second by itself
        shown = stream.getvalue()
        display.stop()

    assert "denoise" in shown and "step 50/100  loss 0.25" in shown
    assert "\n" not in shown


def test_a_long_fit_is_told_in_full_on_80_columns(terminal):
    stream = terminal(columns=80)
    with LiveLine("super-resolve") as display:
        display.start(11_000)
        for step in (10_000, 10_050):
            report = {"loss": 1.234e-5, "seconds": step * 6.0, "psnr": 30.0}
            display.update(step, report)
        display._progress.refresh()
        shown = stream.getvalue()

    assert "step 10050/11000" in shown and "1:35:00 left" in shown


def test_the_live_line_fits_a_narrow_terminal(terminal):
    stream = terminal(columns=40)
    with LiveLine("super-resolve") as display:
        display.start(10_000)
        for step in (1000, 2000):
            report = {"loss": 0.25, "seconds": step / 9, "psnr": 30.0}
            display.update(step, report)
        display._progress.refresh()
        shown = stream.getvalue()

    assert "step 2000" in shown and "\n" not in shown


def test_bars_as_high_as_the_numbers():
    assert sparkline([7, 0, math.nan, 3.5]) == "█▁▅"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([math.nan]) == ""
    assert len(sparkline(range(100))) == SPARK_WIDTH


@pytest.mark.parametrize(("columns", "shown"), [(100, True), (32, False)])
def test_the_criterion_is_drawn_where_there_is_room(terminal, columns, shown):
    stream = terminal(columns)
    with LiveLine("denoise") as display:
        display.start(100)
        for step in (25, 50, 75):
            criterion = 1 / step
            report = {"loss": 0.25, "seconds": 1.0, "step": step}
            display.update(step, {**report, "criterion": criterion})
            display.update(step + 5, {**report, "criterion": criterion})
        display._progress.refresh()
        text = stream.getvalue()

    assert ("█▃▁  step 80/100" in text) is shown
    assert "step 80" in text


def test_the_display_suits_standard_error(terminal, monkeypatch):
    terminal()
    assert isinstance(display_for(Messages(), "x"), LiveLine)
    assert isinstance(display_for(Messages(quiet=True), "x"), Silence)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display_for(Messages(), "x"), PlainLines)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(display_for(Messages(), "x"), PlainLines)
