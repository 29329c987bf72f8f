"""The story of a batch on the command line: what to do, who does it, what came of it.

Each picture is restored by the function behind its single verb. Here is decided which
are still to do, and only here the manifest is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from keras_dip.batch.local import Ended
from keras_dip.batch.manifest import DONE, FAILED, SKIPPED, Entry, Manifest, sha256_of
from keras_dip.batch.worklist import Picture
from keras_dip.cli import FAILED as EXIT_FAILED
from keras_dip.cli import INTERRUPTED
from keras_dip.cli.batch_job import Cut, Job, local_files, settings_of
from keras_dip.cli.batch_parts import Work, divisible, remove_empty
from keras_dip.cli.batch_progress import Tally, display_for
from keras_dip.cli.batch_request import absolute
from keras_dip.cli.batch_together import Group, apart, grouped
from keras_dip.cli.messages import Messages
from keras_dip.cli.request import Request
from keras_dip.cli.summary import print_json
from keras_dip.errors import KerasDipError
from keras_dip.interrupts import held_back


class Runner(Protocol):
    """Who does the work, here or elsewhere."""

    def run(
        self, jobs: Iterable[Job | Group]
    ) -> Generator[Ended[Job | Group, Entry | Cut | list[Entry]], None, None]:
        """Give each job back once, with its result or with what it died of.

        When all jobs have ended it asks for more before it ends.
        """


@dataclass(frozen=True)
class Batch:
    """What is to be done.

    Attributes:
        pictures: The work list.
        requests: What is asked for each of them.
        manifest: Of the output folder.
        force: Redo what is done.
        title: What the progress is called.
        elsewhere: Whether the work may be done from another working folder.
        divides: The output folder, if tiles of one picture may be fitted at the same
            time; None if not.
        as_json: Print the lines of the manifest as they come.
        group: How many pictures of one size are a job, to be fitted together.
        together: How many of those at once; None where their worker decides.
    """

    pictures: Sequence[Picture]
    requests: Sequence[Request]
    manifest: Manifest
    force: bool
    title: str
    elsewhere: bool = False
    divides: str | None = None
    as_json: bool = False
    group: int = 1
    together: int | None = 1


def run_batch(batch: Batch, runner: Runner, messages: Messages) -> int:
    """Do what is still to do and tell how it went; return the exit code."""
    tally = Tally(len(batch.pictures))
    interrupted = False
    display = display_for(messages, batch.title)
    jobs = _jobs_to_do(batch, tally, messages)
    one_by_one = batch.group == 1
    work = Work(jobs if one_by_one else grouped(jobs, batch.group, batch.together))
    with (
        batch.manifest.locked(),
        display,
        contextlib.closing(apart(runner.run(work), work.again)) as ended,
    ):
        try:
            for end in ended:
                entry = work.ended(end)
                tally.tiles = work.tiles
                if entry is None:
                    display.update(tally)
                    continue
                with held_back() as pressed:  # what is done is also written down
                    _keep(batch, _with_files(entry, end.job), tally, messages)
                display.update(tally)
                if pressed.came:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            interrupted = True
    if batch.divides:
        remove_empty(batch.divides)
    for line in tally.table():
        messages.note(line)
    if interrupted:
        messages.error("stopped; the same command goes on with the other pictures.")
        return INTERRUPTED
    return EXIT_FAILED if tally.failures else 0


def _jobs_to_do(batch: Batch, tally: Tally, messages: Messages) -> Iterator[Job]:
    """Give the pictures that are to be restored, when they are asked for."""
    for picture, request in zip(batch.pictures, batch.requests, strict=True):
        entry = batch.manifest.entries.get(picture.name)
        if not batch.force:
            existing = [path for path in request.outputs if os.path.lexists(path)]
            complete = len(existing) == len(request.outputs)
            if entry and complete and _is_made(entry, request):
                tally.add(dataclasses.replace(entry, result=SKIPPED))
                continue
            # What the manifest tells of is ours to replace, and nothing else.
            if existing and not (entry and entry.is_owner):
                why = f"{existing[0]!r} is there, and not of this manifest (--force)"
                skipped = Entry(picture.source, picture.name, SKIPPED, error=why)
                if skipped == entry:
                    tally.add(skipped)
                else:
                    _keep(batch, skipped, tally, messages)
                continue
        allowed = dataclasses.replace(request, force=True)
        parts = None
        if batch.divides:
            parts = divisible(allowed, picture.name, batch.divides)
        asked = parts or allowed
        yield Job(
            picture.source,
            picture.name,
            absolute(asked) if batch.elsewhere else asked,
            messages.verbose,
            divides=parts is not None,
        )


def _is_made(entry: Entry, request: Request) -> bool:
    if entry.result != DONE:
        return False
    try:
        with local_files(request) as local:
            return entry.has_made(sha256_of(local.source), settings_of(local))
    except KerasDipError:  # a URL that cannot be read: the worker will say so
        return False


def _keep(batch: Batch, entry: Entry, tally: Tally, messages: Messages) -> None:
    batch.manifest.append(entry)
    tally.add(entry)
    if batch.as_json:
        print_json(entry)
    if entry.result == FAILED:
        messages.error(f"{entry.input}: {entry.error}")
    elif entry.result == SKIPPED:
        messages.note(f"skipped: {entry.error}")


def _with_files(entry: Entry, job: Job) -> Entry:
    """Note what a picture that failed has left: nothing of others' was there before."""
    if entry.result != FAILED:
        return entry
    wrote = any(os.path.lexists(path) for path in job.request.outputs)
    return dataclasses.replace(entry, wrote=wrote)
