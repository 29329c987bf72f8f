import os
import signal

import pytest

from keras_dip.batch.local import LocalRunner

TWO = [{}, {}]


def test_every_job_ends_once(jobs):
    ended = list(LocalRunner(jobs.double, TWO).run(range(7)))
    assert sorted((end.job, end.result) for end in ended) == [
        (n, 2 * n) for n in range(7)
    ]
    assert {end.error for end in ended} == {None}


def test_workers_stay_for_many_jobs_and_end_with_the_last(jobs):
    runner = LocalRunner(jobs.pid, [{}])
    ended = list(runner.run(range(5)))
    (pid,) = {end.result for end in ended}
    assert pid != os.getpid() and runner.pids == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_no_more_workers_than_jobs(jobs):
    runner = LocalRunner(jobs.double, [{}] * 50)
    running = runner.run([1])
    next(running)
    assert len(runner.pids) == 1
    running.close()


def test_jobs_are_taken_when_they_are_begun(jobs):
    taken = []
    coming = (taken.append(n) or n for n in range(5))
    running = LocalRunner(jobs.double, [{}]).run(coming)
    assert next(running).job == 0
    assert taken == [0]
    running.close()


def test_each_worker_has_its_environment_and_ours_stays(jobs, monkeypatch):
    monkeypatch.delenv("KERAS_DIP_TEST", raising=False)
    runner = LocalRunner(jobs.environment, [{"KERAS_DIP_TEST": "first"}])
    (ended,) = runner.run(["KERAS_DIP_TEST"])
    assert ended.result == "first" and "KERAS_DIP_TEST" not in os.environ


def test_an_error_of_the_work_is_an_answer(jobs):
    ended = {end.job: end for end in LocalRunner(jobs.refuse_odd, [{}]).run(range(3))}
    assert ended[1].error == "ValueError: 1 is odd" and ended[1].result is None
    assert ended[2].result == 2


def test_a_worker_that_was_stopped_shows_no_traceback(jobs, capfd):
    (ended,) = LocalRunner(jobs.interrupt, [{}], retries=0).run([1])
    assert ended.error == "a worker died of it (exit code 1)"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_job_whose_worker_dies_is_tried_once_more(jobs, tmp_path):
    work = [(tmp_path, n, deaths) for n, deaths in enumerate([0, 1, 0, 2, 0, 1])]
    ended = list(LocalRunner(jobs.die_at_first, TWO).run(work))

    assert sorted(end.job[1] for end in ended) == [0, 1, 2, 3, 4, 5]
    results = {end.job[1]: (end.result, end.error) for end in ended}
    why = "2 workers died of it (SIGKILL, as when memory runs out)"
    assert results.pop(3) == (None, why)
    assert results == {n: (n, None) for n in (0, 1, 2, 4, 5)}
    begun = [len((tmp_path / f"{n}.txt").read_text().split()) for n in range(6)]
    assert begun == [1, 2, 1, 2, 1, 2]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_worker_killed_from_outside_is_replaced(jobs, tmp_path):
    file = tmp_path / "file"
    runner = LocalRunner(jobs.wait_unless_there, TWO)
    running = runner.run([file, 1, 2, 3])
    assert next(running).job == 1
    os.kill(runner.pids[0], signal.SIGKILL)
    file.touch()
    rest = [(end.job, end.result) for end in running]
    assert sorted(rest, key=str) == [(2, 2), (3, 3), (file, file)]


def test_closing_ends_workers_in_the_middle(jobs):
    runner = LocalRunner(jobs.wait_if_negative, TWO)
    running = runner.run([-1, 0, -1])
    assert next(running).job == 0
    pids = runner.pids
    running.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
