"""Pictures of one size and with the same settings, fitted at once by one worker.

A group is one job to who runs it. What comes of it are the entries of its pictures, as
if each had been alone; a group that no worker survives is done picture by picture.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from keras_dip.batch.local import Ended
from keras_dip.batch.manifest import Entry
from keras_dip.batch.remote import is_url
from keras_dip.cli.batch_job import Cut, Job, quiet, restore_job
from keras_dip.cli.options import METAVAR_FILE
from keras_dip.images.size import looks
from keras_dip.together import NO_MEMORY, Together

LARGEST_GROUP = 16
"""Pictures of a group where the memory decides how many are fitted at once."""


@dataclass(frozen=True)
class Group:
    """Pictures that a worker fits at the same time.

    Attributes:
        jobs: One for each picture.
        most: How many at once; None for as many as the memory suffices for.
    """

    jobs: tuple[Job, ...]
    most: int | None


def grouped(jobs: Iterable[Job], size: int, most: int | None) -> Iterator[Job | Group]:
    """Give jobs of one kind together, up to `size` of them; others as they come."""
    waiting: dict[Hashable, list[Job]] = {}
    for job in jobs:
        kind = _kind(job)
        if kind is None:
            yield job
            continue
        same = waiting.setdefault(kind, [])
        same.append(job)
        if len(same) == size:
            yield _group(waiting.pop(kind), most)
    for same in waiting.values():
        yield _group(same, most)


def _group(jobs: list[Job], most: int | None) -> Job | Group:
    return Group(tuple(jobs), most) if len(jobs) > 1 else jobs[0]


def _kind(job: Job) -> Hashable:
    """Return what jobs of one group have in common; None for a picture by itself."""
    request = job.request
    look = None if is_url(request.source) else looks(request.source)
    if look is None or job.divides or job.tile is not None:
        return None
    options = dict(request.task_options)
    for option in request.declaration.options:
        if option.type in METAVAR_FILE:
            options[option.name] = bool(options[option.name])
    settings = {**request.settings, "seed": None}
    return look, request.declaration.name, repr([options, settings])


def restore(job: Job | Group) -> Entry | Cut | list[Entry]:
    """Do a job, or those of a group at the same time; return what came of each."""
    if isinstance(job, Job):
        return restore_job(job)
    with quiet(job.jobs[0].verbose):
        from keras_dip import memory
        from keras_dip.fitting import PriorModel

        if not PriorModel.takes_steps_together:
            return [_entry(one) for one in job.jobs]
        # Each of them redirects it, and not in the order of a stack.
        with contextlib.redirect_stdout(sys.stderr):
            group = Together(
                job.most or (lambda first: memory.fits_together(first.model))
            )
            ends = group.run([partial(_entry, one) for one in job.jobs])
    entries = []
    for one, end in zip(job.jobs, ends, strict=True):
        if end.error is not None:
            raise end.error
        entry: Entry = end.result
        entries.append(_entry(one) if NO_MEMORY in (entry.error or "") else entry)
    return entries


def _entry(job: Job) -> Entry:
    entry = restore_job(job)
    assert isinstance(entry, Entry)  # a picture that divides is in no group
    return entry


def apart(
    ends: Generator[Ended[Job | Group, Entry | Cut | list[Entry]], None, None],
    again: Callable[[Iterable[Job]], None],
) -> Generator[Ended[Job, Entry | Cut], None, None]:
    """Give the pictures of groups one by one.

    Args:
        ends: What a runner gives.
        again: Takes the pictures of a group that came to nothing, to be done alone.
    """
    with contextlib.closing(ends):
        for end in ends:
            job, result = end.job, end.result
            if isinstance(job, Job):
                yield Ended(job, result, end.error)  # type: ignore[arg-type]
            elif isinstance(result, list):
                for one, entry in zip(job.jobs, result, strict=True):
                    yield Ended(one, entry)
            else:
                again(job.jobs)
