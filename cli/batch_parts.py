"""Large pictures of a batch as many jobs: one for each tile, and one that joins them.

How many tiles a picture has is known when it was read, by a worker. So the jobs of a
picture come into being on the way: the first one cuts it, one for each tile leaves that
in the picture's checkpoint folder, and the last one is the single verb, which goes on
from there. What is lost with a worker, or by Ctrl-C, is at most a tile of each.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keras_dip.batch.local import Ended
from keras_dip.batch.manifest import DONE, FAILED, Entry
from keras_dip.batch.remote import is_url
from keras_dip.cli.batch_job import Cut, Job
from keras_dip.cli.batch_together import Group
from keras_dip.cli.request import Request

FOLDER = ".tiles"
"""In the output folder: the checkpoints of pictures, where no other folder is given.

A name that begins with a dot is never taken for an input.
"""


def divisible(request: Request, name: str, folder: str) -> Request | None:
    """Return the request with a folder for its tiles; None if it stays one job.

    Tiles that were asked for are divided; those that the memory of a worker asks for
    are not known before.

    Args:
        request: What is asked for a picture.
        name: Of the picture's output below the output folder.
        folder: The output folder.
    """
    settings = request.settings
    asked = settings.get("tile") and not settings.get("time_limit")
    if not asked or any(map(is_url, request.inputs)):
        return None
    kept = request.checkpoint or os.path.join(folder, FOLDER, *name.split("/"))
    return dataclasses.replace(request, checkpoint=kept)


def remove_empty(folder: str) -> None:
    """Remove what finished pictures have left of their folders below an output."""
    for path, _, _ in os.walk(os.path.join(folder, FOLDER), topdown=False):
        with contextlib.suppress(OSError):  # what is kept of a picture is in it
            os.rmdir(path)


@dataclass
class _Open:
    """A picture whose tiles are being fitted."""

    total: int
    left: int
    seconds: float
    failure: Entry | None = None


class Work:
    """The jobs of a batch, in the order in which they are to be begun.

    An iterator that may have ended and then has more: ask again after each `ended`.
    """

    def __init__(self, jobs: Iterator[Job | Group]) -> None:
        """Begin with a job for each picture, or group of pictures."""
        self._jobs = jobs
        self._more = deque[Job]()
        self._open: dict[str, _Open] = {}

    def __iter__(self) -> Work:
        """Return itself."""
        return self

    def __next__(self) -> Job | Group:
        """Return the next job; what was begun comes to its end first."""
        return self._more.popleft() if self._more else next(self._jobs)

    @property
    def tiles(self) -> tuple[int, int]:
        """How many tiles are fitted, and how many there are, of pictures under way."""
        total = sum(picture.total for picture in self._open.values())
        return total - sum(picture.left for picture in self._open.values()), total

    def again(self, jobs: Iterable[Job]) -> None:
        """Let jobs be done next that came to nothing in a group."""
        self._more.extend(jobs)

    def ended(self, end: Ended[Job, Entry | Cut]) -> Entry | None:
        """Take note of a job that ended; return the entry of a picture that did."""
        job, result = end.job, end.result
        if isinstance(result, Cut):
            self._open[job.name] = _Open(result.tiles, result.tiles, result.seconds)
            self._more.extend(
                dataclasses.replace(job, divides=False, tile=tile)
                for tile in range(result.tiles)
            )
            return None
        entry = result or Entry(job.input, job.name, FAILED, error=end.error)
        if job.tile is not None:
            return self._tile_ended(job, entry)
        before = self._open.pop(job.name, None)
        if before is not None:
            seconds = round((entry.seconds or 0) + before.seconds, 3)
            entry = dataclasses.replace(entry, seconds=seconds)
        return entry

    def _tile_ended(self, job: Job, entry: Entry) -> Entry | None:
        picture = self._open[job.name]
        picture.left -= 1
        picture.seconds += entry.seconds or 0
        if entry.result != DONE and picture.failure is None:
            picture.failure = entry
            others = [other for other in self._more if other.name != job.name]
            picture.left -= len(self._more) - len(others)
            self._more = deque(others)
        if picture.left:
            return None
        if picture.failure is None:
            self._more.append(dataclasses.replace(job, tile=None))
            return None
        del self._open[job.name]
        seconds = round(picture.seconds, 3)
        return dataclasses.replace(picture.failure, seconds=seconds)
