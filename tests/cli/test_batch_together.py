"""Which pictures of a batch are a group, and what becomes of one."""

import pytest

from keras_dip import tasks
from keras_dip.batch.local import Ended
from keras_dip.batch.manifest import DONE, Entry
from keras_dip.cli import batch_together
from keras_dip.cli.batch_job import Job
from keras_dip.cli.batch_parts import Work
from keras_dip.cli.batch_together import Group, apart, grouped
from keras_dip.cli.request import Request


@pytest.fixture
def job(picture):
    """Make the job of a picture that is there."""

    def make(name, shape=(6, 8, 3), *, settings=(), options=(), **more):
        if shape is not None:
            picture(name, shape=shape)
        declaration = tasks.declaration("denoise")
        given = dict.fromkeys((option.name for option in declaration.options), None)
        request = Request(
            declaration, {**given, **dict(options)}, dict(settings), name, f"out/{name}"
        )
        return Job(name, name, request, **more)

    return make


def names(groups):
    return [[j.name for j in getattr(g, "jobs", [g])] for g in groups]


def test_pictures_of_one_size_are_together(job):
    jobs = [job(f"{i}.png", (6, 8 + i % 2, 3)) for i in range(7)]
    groups = list(grouped(jobs, 3, 2))
    assert names(groups) == [["0.png", "2.png", "4.png"], ["1.png", "3.png", "5.png"],
                             ["6.png"]]  # fmt: skip
    assert [type(g) for g in groups] == [Group, Group, Job]
    assert groups[0].most == 2


def test_other_settings_and_kinds_of_pixels_are_not_mixed(job):
    jobs = [
        job("a.png"),
        job("grey.png", (6, 8)),
        job("steps.png", settings={"steps": 7}),
        job("sigma.png", options={"sigma": 3.0}),
        job("b.png", settings={"seed": 7}),  # in the values alone
    ]
    assert names(grouped(jobs, 4, None)) == [
        ["a.png", "b.png"],
        ["grey.png"],
        ["steps.png"],
        ["sigma.png"],
    ]


def test_what_has_no_size_or_may_have_tiles_is_alone(job, folder):
    (folder / "bad.png").write_bytes(b"no picture")
    jobs = [
        job("bad.png", None),
        job("missing.png", None),
        job("big.png", divides=True),
        job("tile.png", tile=1),
    ]
    assert list(grouped(jobs, 2, 2)) == jobs


def test_jobs_are_asked_for_as_groups_fill(job):
    taken = []
    coming = (taken.append(i) or job(f"{i}.png") for i in range(9))
    next(grouped(coming, 2, 2))
    assert taken == [0, 1]


def test_a_group_ends_as_its_pictures(job):
    one, other, third = (job(f"{i}.png") for i in range(3))
    group = Group((one, other), 2)
    entries = [Entry(j.input, j.name, DONE) for j in (one, other, third)]

    def runner():
        yield Ended(group, entries[:2])
        yield Ended(third, entries[2])

    ends = list(apart(runner(), pytest.fail))
    assert [(end.job, end.result) for end in ends] == list(
        zip((one, other, third), entries, strict=True)
    )


def test_a_group_that_no_worker_survives_is_done_picture_by_picture(job):
    group = Group((job("a.png"), job("b.png")), 2)
    work = Work(iter([group]))

    def runner():
        for asked in (next(work), *[None] * 2):
            asked = asked or next(work)
            if isinstance(asked, Group):
                yield Ended(asked, error="2 workers died of it")
            else:
                yield Ended(asked, Entry(asked.input, asked.name, DONE))

    assert [end.job for end in apart(runner(), work.again)] == list(group.jobs)


def test_with_tensorflow_a_group_is_done_one_after_the_other(job, monkeypatch):
    done = []

    def restore_job(one):
        done.append(one.name)
        return Entry(one.input, one.name, DONE)

    monkeypatch.setattr(batch_together, "restore_job", restore_job)
    entries = batch_together.restore(Group((job("a.png"), job("b.png")), 2))
    assert [entry.output for entry in entries] == done == ["a.png", "b.png"]


@pytest.mark.parametrize(("backend", "says"), [("tensorflow", True), ("jax", False)])
def test_who_asks_tensorflow_for_it_is_told(
    cli, prior, job, folder, monkeypatch, backend, says
):
    job("in.png")
    sizes = []

    class Here:
        slots = 1

        def __init__(self, work, environments):
            pass

        def run(self, jobs):
            for asked in jobs:
                sizes.append(len(getattr(asked, "jobs", [asked])))
                one = getattr(asked, "jobs", [asked])[0]
                yield Ended(one, Entry(one.input, one.name, DONE))

    monkeypatch.setattr("keras_dip.batch.local.LocalRunner", Here)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    job("other.png")
    ran = cli(
        *("batch", "denoise", "in.png", "other.png", "-o", "out", "--fit-together", 2)
    )
    assert ("only KERAS_BACKEND=jax fits several" in ran.err) is says
    assert sizes == ([1, 1] if says else [2])


def test_no_group_of_none(cli, prior, job):
    job("in.png")
    ran = cli("batch", "denoise", "in.png", "-o", "out", "--fit-together", 0)
    assert ran.code == 2 and "--fit-together" in ran.err
