"""How far a batch is: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import Protocol

from keras_dip.batch.manifest import DONE, FAILED, SKIPPED, Entry
from keras_dip.cli.messages import Messages
from keras_dip.cli.progress import SECONDS_BETWEEN_LINES, bar, clock


class Tally:
    """How many pictures ended in which way, and how long the others may take."""

    def __init__(self, total: int) -> None:
        """Begin, with so many pictures before us."""
        self.total = total
        self.counts = dict.fromkeys((DONE, SKIPPED, FAILED), 0)
        self.failures: list[Entry] = []
        self.tiles = (0, 0)  # fitted, and all, of pictures that are fitted in tiles
        self._begun = time.monotonic()

    @property
    def ended(self) -> int:
        """How many came to their end, skipped ones too."""
        return sum(self.counts.values())

    @property
    def seconds(self) -> float:
        """How long this has gone on."""
        return time.monotonic() - self._begun

    def add(self, entry: Entry) -> None:
        """Count a picture."""
        self.counts[entry.result] += 1
        if entry.result == FAILED:
            self.failures.append(entry)

    def words(self) -> str:
        """Return the counts and the forecast in words."""
        parts = [f"{self.ended}/{self.total} pictures"]
        parts += [f"{n} {way}" for way, n in self.counts.items() if n and way != DONE]
        if self.tiles[1]:
            parts.append("{}/{} tiles".format(*self.tiles))
        worked = self.ended - self.counts[SKIPPED]
        if worked and self.ended < self.total:
            left = self.seconds / worked * (self.total - self.ended)
            parts.append(f"{clock(left)} left")
        return "  ".join(parts)

    def table(self, shown: int = 20) -> list[str]:
        """Return the lines of the final table: counts, and failures with reasons."""
        left = self.total - self.ended
        rows = [
            *self.counts.items(),
            *([("not begun or cut off", left)] if left else []),
        ]
        lines = [f"{way:<20}  {n:>8}" for way, n in rows]
        lines[0] += f"  in {clock(self.seconds)}"
        width = max((len(e.input) for e in self.failures[:shown]), default=0)
        lines += [f"  {e.input:<{width}}  {e.error}" for e in self.failures[:shown]]
        if len(self.failures) > shown:
            lines.append(f"  and {len(self.failures) - shown} more: see the manifest")
        return lines


class Display(Protocol):
    """What shows a tally as it grows."""

    def __enter__(self) -> Display:
        """Appear."""

    def __exit__(self, *error: object) -> None:
        """Disappear, whatever happened."""

    def update(self, tally: Tally) -> None:
        """Show what it is now."""


def display_for(messages: Messages, title: str) -> Display:
    """Return the display that suits standard error and the volume asked for."""
    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if live and not messages.quiet:
        return LiveLine(title)
    return PlainLines(messages, title)


class LiveLine:
    """A bar and the words on one line that is drawn again and again (rich)."""

    def __init__(self, title: str) -> None:
        """Prepare the line."""
        self._progress = bar()
        self._line = self._progress.add_task(title, total=None, status=title)

    def __enter__(self) -> LiveLine:
        """Show the line."""
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the line."""
        self._progress.stop()

    def update(self, tally: Tally) -> None:
        """Move the bar and renew the words."""
        self._progress.update(
            self._line, total=tally.total, completed=tally.ended, status=tally.words()
        )


class PlainLines:
    """A line now and then, for logs and pipes; none if quiet."""

    def __init__(self, messages: Messages, title: str) -> None:
        """Prepare."""
        self._messages = messages
        self._title = title
        self._said_at = -math.inf

    def __enter__(self) -> PlainLines:
        """Do nothing."""
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""

    def update(self, tally: Tally) -> None:
        """Say the words, unless some were said just before."""
        now = time.monotonic()
        if now - self._said_at >= SECONDS_BETWEEN_LINES:
            self._said_at = now
            self._messages.note(f"{self._title}: {tally.words()}")
