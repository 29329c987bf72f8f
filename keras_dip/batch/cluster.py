"""The same jobs on a Ray cluster, which is imported only when it is asked for.

Ray starts a job again when its worker dies, on whatever node there is. Results come
back to the driver, which alone writes the manifest.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Generic

from keras_dip.batch.local import Ended, JobT, ResultT
from keras_dip.batch.machine import SHARED_GPU, keras_backend
from keras_dip.errors import KerasDipError

LOCAL = "local"
JOBS_PER_SLOT = 2
"""Begun or waiting at once, for each that can run: no node waits for the driver."""

SECONDS_TO_REACH = 10.0
LONGEST_ERROR = 500  # characters


class RayRunner(Generic[JobT, ResultT]):
    """Runs jobs as Ray tasks."""

    def __init__(
        self,
        work: Callable[[JobT], ResultT],
        address: str,
        *,
        cores: int = 1,
        gpus: float = 0.0,
        retries: int = 1,
    ) -> None:
        """Prepare.

        Args:
            work: What is done with a job; a function of a module that every node has.
            address: Of the cluster, or "local" for one on this machine alone.
            cores: What a job takes of its node.
            gpus: The same; a part of one lets several jobs share it.
            retries: How often Ray starts a job again after its worker died.
        """
        self._work = work
        self._address = address
        self._cores = cores
        self._gpus = gpus
        self._retries = retries

    def run(self, jobs: Iterable[JobT]) -> Generator[Ended[JobT, ResultT], None, None]:
        """Give each job back once, as it ends; jobs are taken when they are needed.

        Raises:
            KerasDipError: If Ray is not installed, or the cluster cannot be reached.
        """
        ray = _ray()
        self._connect(ray)
        try:
            yield from self._run(ray, iter(jobs))
        finally:
            ray.shutdown()

    def _run(self, ray: Any, coming: Iterator[JobT]) -> Iterator[Ended[JobT, ResultT]]:
        task = ray.remote(
            num_cpus=self._cores, num_gpus=self._gpus, max_retries=self._retries
        )(self._work)
        most = JOBS_PER_SLOT * self._slots(ray.cluster_resources())
        running: dict[Any, JobT] = {}
        while True:
            while len(running) < most:
                try:
                    job = next(coming)
                except StopIteration:
                    break
                running[task.remote(job)] = job
            if not running:
                return
            for reference in ray.wait(list(running), num_returns=1)[0]:
                job = running.pop(reference)
                try:
                    yield Ended(job, ray.get(reference))
                except ray.exceptions.RayError as error:
                    yield Ended(job, error=_in_a_line(error))

    def _slots(self, resources: dict[str, float]) -> int:
        """Return how many jobs the cluster can run at once."""
        slots = resources.get("CPU", 0.0) / self._cores
        if self._gpus:
            slots = min(slots, resources.get("GPU", 0.0) / self._gpus)
        if slots < 1:
            raise KerasDipError(
                f"Expected a cluster with {self._cores} CPU cores and {self._gpus:g} "
                f"GPUs for a picture. Received: {resources.get('CPU', 0):g} cores and "
                f"{resources.get('GPU', 0):g} GPUs in all."
            )
        return int(slots)

    def _environment(self) -> dict[str, str]:
        """Return what the environment of each worker has to say."""
        threads = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
        told = dict.fromkeys(threads, str(self._cores))
        # Ray hands on nothing of the driver's environment to other machines.
        told["KERAS_BACKEND"] = keras_backend()
        return {**told, **(SHARED_GPU if self._gpus % 1 else {})}

    def _connect(self, ray: Any) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent
        mine: dict[str, Any] = {}
        if self._address == LOCAL:
            # Jobs and results are small: they need none of the default's gigabytes.
            mine = {"include_dashboard": False, "object_store_memory": 100 * 2**20}
        try:
            _reach(self._address)
            with _own_signals():
                ray.init(
                    address=self._address,
                    runtime_env={"env_vars": self._environment()},
                    log_to_driver=False,
                    logging_level="ERROR",
                    **mine,
                )
        except Exception as error:  # of many kinds
            raise KerasDipError(
                "Expected the address of a Ray cluster, or 'local'. Received: "
                f"{self._address!r} ({_in_a_line(error)})."
            ) from error


def _reach(address: str) -> None:
    """Raise OSError where nobody listens: Ray itself tries for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), SECONDS_TO_REACH).close()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what SIGTERM means in the main thread: Ray would end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _in_a_line(error: Exception) -> str:
    """Return an error without the colours and lines of Ray's messages."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    text = " ".join(f"{type(error).__name__}: {plain}".split())
    return text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}..."


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise KerasDipError(
            "Expected Ray to be installed for --ray (pip install 'keras_dip[ray]'). "
            "Received: no such package."
        ) from error
    return ray
