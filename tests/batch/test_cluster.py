import os
import signal
from importlib.util import find_spec

import pytest

from keras_dip.batch.cluster import LOCAL, RayRunner
from keras_dip.errors import KerasDipError

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: extra 'ray'"),
    # Ray leaves sockets and files to the end of its processes.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_every_job_ends_once_though_workers_are_killed(jobs, tmp_path):
    work = [(tmp_path, n, deaths) for n, deaths in enumerate([0, 1, 0, 2, 0, 0])]
    before = signal.getsignal(signal.SIGTERM)
    running = RayRunner(jobs.die_at_first, LOCAL).run(work)
    ended = [next(running)]
    assert signal.getsignal(signal.SIGTERM) is before  # Ray has one of its own
    ended += running

    assert sorted(end.job[1] for end in ended) == [0, 1, 2, 3, 4, 5]
    results = {end.job[1]: (end.result, end.error) for end in ended}
    result, error = results.pop(3)
    assert result is None and error.startswith("WorkerCrashedError: ")
    assert results == {n: (n, None) for n in (0, 1, 2, 4, 5)}
    begun = [len((tmp_path / f"{n}.txt").read_text().split()) for n in range(6)]
    assert begun == [1, 2, 1, 2, 1, 1]


def test_more_than_the_cluster_has_is_refused(jobs):
    runner = RayRunner(jobs.double, LOCAL, gpus=1000.0)
    with pytest.raises(KerasDipError, match=r"1000 GPUs for a picture\. Received: "):
        list(runner.run([1]))


def test_an_address_where_nobody_is(jobs):
    with pytest.raises(KerasDipError, match="Expected the address of a Ray cluster"):
        list(RayRunner(jobs.double, "127.0.0.1:1").run([1]))
