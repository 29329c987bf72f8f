"""Worker processes of this machine: each does one job at a time and stays for many.

A worker is a fresh interpreter ("spawn"), so that what its environment says of threads
and GPUs is read when it imports TensorFlow. One that dies takes nothing with it but the
job that it had: a new worker tries that once more.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

SECONDS_TO_END = 5.0
"""What a worker gets, when all is over, to remove its temporary files."""


@dataclass(frozen=True)
class Ended(Generic[JobT, ResultT]):
    """A job that came to its end: its result, or why there is none."""

    job: JobT
    result: ResultT | None = None
    error: str | None = None


class LocalRunner(Generic[JobT, ResultT]):
    """Runs jobs in processes of this machine."""

    def __init__(
        self,
        work: Callable[[JobT], ResultT],
        environments: Sequence[Mapping[str, str]],
        *,
        retries: int = 1,
    ) -> None:
        """Prepare; no process is started before there is a job for it.

        Args:
            work: What is done with a job; a function of a module, as the processes
                import it.
            environments: For each worker, what its environment has beside ours.
            retries: How often a job is tried again after its worker died.
        """
        self._work = work
        self._environments = environments
        self._retries = retries
        self._workers: list[_Worker] = []

    @property
    def slots(self) -> int:
        """How many jobs are done at the same time, at most."""
        return len(self._environments)

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid or 0 for worker in self._workers]

    def run(self, jobs: Iterable[JobT]) -> Generator[Ended[JobT, ResultT], None, None]:
        """Give each job back once, as it ends; jobs are taken when they are begun.

        Ends all workers when it is closed or interrupted.
        """
        coming, again = iter(jobs), deque[JobT]()
        deaths: dict[int, int] = {}  # by the identity of a job
        try:
            while self._hand_out(coming, again):
                busy = {w.pipe: w for w in self._workers if w.has_job}
                for pipe in wait(list(busy)):
                    worker = busy[pipe]  # type: ignore[index]
                    job = worker.job
                    try:
                        result, error = worker.take()
                    except (EOFError, OSError):
                        self._workers.remove(worker)
                        reason = worker.bury()
                        deaths[id(job)] = deaths.get(id(job), 0) + 1
                        if deaths[id(job)] <= self._retries:
                            again.append(job)
                            continue
                        result, error = None, _of_deaths(deaths[id(job)], reason)
                    deaths.pop(id(job), None)  # another may get its identity
                    yield Ended(job, result, error)
        finally:
            self._end()

    def _hand_out(self, coming: Iterator[JobT], again: deque[JobT]) -> bool:
        """Give every idle worker a job; return whether any worker has one."""
        while True:
            idle = next((w for w in self._workers if not w.has_job), None)
            if idle is None and len(self._workers) == len(self._environments):
                return True
            try:
                job = again.popleft() if again else next(coming)
            except StopIteration:
                return any(w.has_job for w in self._workers)
            if idle is None:
                taken = {worker.place for worker in self._workers}
                place = min(set(range(len(self._environments))) - taken)
                idle = _Worker(self._work, place, self._environments[place])
                self._workers.append(idle)
            idle.give(job)

    def _end(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.bury()
        self._workers.clear()


def _of_deaths(times: int, reason: str) -> str:
    count = "a worker" if times == 1 else f"{times} workers"
    return f"{count} died of it ({reason})"


class _Worker:
    """A process and the job that it has."""

    def __init__(
        self, work: Callable[[Any], Any], place: int, environment: Mapping[str, str]
    ) -> None:
        self.place = place
        self.has_job = False
        self.job: Any = None
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        # daemon: Python ends it even where nobody closed the runner.
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        with _environment(environment):
            self.process.start()
        theirs.close()  # so that its death ends the pipe

    def give(self, job: Any) -> None:
        self.job, self.has_job = job, True
        with contextlib.suppress(OSError):  # it died: that is seen when we wait for it
            self.pipe.send(job)

    def take(self) -> tuple[Any, str | None]:
        answer: tuple[Any, str | None] = self.pipe.recv()
        self.job, self.has_job = None, False
        return answer

    def bury(self) -> str:
        """See to it that the process is over; return how it ended."""
        self.process.join(SECONDS_TO_END)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        self.pipe.close()
        code = self.process.exitcode or 0
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name
        return f"{name}, as when memory runs out" if name == "SIGKILL" else name


def _serve(pipe: Connection[Any, Any], work: Callable[[Any], Any]) -> None:
    """Do jobs until the other end of the pipe is closed."""
    # Ctrl-C reaches the whole group of processes; what it means, the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        answer: tuple[Any, str | None]
        try:
            answer = (work(job), None)
        except KeyboardInterrupt:  # what a fit makes of SIGTERM
            sys.exit(1)
        except Exception as error:
            answer = (None, f"{type(error).__name__}: {error}")
        pipe.send(answer)


def _end_with_parent() -> None:
    """Do not go on with a fit that nobody waits for any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Let a process that is started now have this in its environment."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
