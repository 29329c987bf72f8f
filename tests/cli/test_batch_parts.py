"""Large pictures of a batch, of which each tile is a job."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from keras_dip import tasks
from keras_dip.batch.local import Ended
from keras_dip.batch.machine import CORES_PER_WORKER, cores
from keras_dip.batch.manifest import DONE, FAILED, Entry
from keras_dip.cli.batch_job import Cut, Job
from keras_dip.cli.batch_parts import FOLDER, Work, divisible
from keras_dip.cli.request import Request


def job(name, **more):
    request = Request(
        tasks.declaration("denoise"), {}, {}, f"in/{name}", f"out/{name}", **more
    )
    return Job(f"in/{name}", name, request, divides=True)


def done(of):
    return Ended(of, Entry(of.input, of.name, DONE, seconds=2.0))


def test_a_picture_ends_when_its_tiles_are_joined():
    work = Work(iter([job("big"), job("small")]))
    big = next(work)
    assert work.ended(Ended(big, Cut(tiles=3, seconds=1.0))) is None
    tiles = [next(work) for _ in range(3)]
    assert [(t.name, t.tile, t.divides) for t in tiles] == [
        ("big", n, False) for n in range(3)
    ]
    small = next(work)
    assert (small.name, small.tile) == ("small", None)
    assert list(work) == []
    assert work.ended(done(small)).output == "small"
    assert work.ended(done(tiles[2])) is None and work.tiles == (1, 3)
    assert work.ended(done(tiles[0])) is None and list(work) == []
    assert work.ended(done(tiles[1])) is None
    (last,) = work  # although it had ended before
    assert (last.name, last.tile, last.divides) == ("big", None, False)
    entry = work.ended(done(last))
    assert (entry.output, entry.result, entry.seconds) == ("big", DONE, 9.0)
    assert work.tiles == (0, 0)


@pytest.mark.parametrize("dies", [True, False])
def test_one_tile_that_fails_ends_the_picture_once(dies):
    work = Work(iter([job("big")]))
    big = next(work)
    work.ended(Ended(big, Cut(tiles=5, seconds=1.0)))
    first, second = next(work), next(work)
    failed = Entry(big.input, "big", FAILED, seconds=2.0, error="no")
    end = Ended(first, error="no") if dies else Ended(first, failed)
    assert work.ended(end) is None
    assert list(work) == []  # the three that had not begun are not begun
    entry = work.ended(done(second))
    assert (entry.output, entry.result, entry.error) == ("big", FAILED, "no")


def test_what_is_divided():
    def request(**settings):
        return Request(tasks.declaration("denoise"), {}, settings, "in/a", "out/a")

    parts = divisible(request(tile=256), "deep/a.png", "out")
    assert parts.checkpoint == os.path.join("out", FOLDER, "deep", "a.png")
    assert divisible(request(tile=0), "a", "out") is None
    assert divisible(request(tile=None), "a", "out") is None
    assert divisible(request(tile=256, time_limit=5.0), "a", "out") is None
    remote = Request(tasks.declaration("denoise"), {}, {"tile": 256}, "s3://a", "out/a")
    assert divisible(remote, "a", "out") is None


CLI = "import sys; from keras_dip.cli import main; sys.exit(main())"
THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
RUNNERS = [
    (("--workers", "2"), 2),
    pytest.param(
        ("--ray", "local"),
        -(-cores() // CORES_PER_WORKER),
        marks=[
            pytest.mark.ray,
            pytest.mark.skipif(
                find_spec("ray") is None, reason="needs Ray: extra 'ray'"
            ),
            # Ray leaves sockets and files to the end of its processes.
            pytest.mark.filterwarnings("ignore::ResourceWarning"),
            pytest.mark.filterwarnings(
                "ignore::pytest.PytestUnraisableExceptionWarning"
            ),
        ],
    ),
]


@pytest.mark.parametrize(("runner", "workers"), RUNNERS, ids=["workers", "ray"])
def test_tiles_side_by_side_make_the_picture_of_the_single_verb(
    cli, folder, scene, runner, workers
):
    """The real thing: processes that share a folder."""
    (folder / "in").mkdir()
    noisy = scene(140, 190, 3, noise=0.1, seed=0)
    Image.fromarray(np.uint8(noisy * 255)).save(folder / "in/big.png")
    Image.fromarray(np.uint8(noisy[:64, :64] * 255)).save(folder / "in/small.png")
    # No network is traced and exported faster.
    tiny = ("--steps", 2, "--network", "pixels", "--tile", 128)

    ran = cli("batch", "denoise", "in", "-o", "out", *runner, *tiny, "--onnx", "nets")
    assert ran.code == 0, ran.err
    lines = (folder / "out/manifest.jsonl").read_text().splitlines()
    entries = {line["output"]: line for line in map(json.loads, lines)}
    assert len(lines) == 2 and entries["big.png"]["steps"] == 4 * 2
    assert entries["small.png"]["steps"] == 2
    assert sorted(os.listdir(folder / "out")) == [
        "big.png",
        "manifest.jsonl",
        "small.png",
    ]

    threads = str(max(1, cores() // workers))  # another number is another picture
    done = subprocess.run(
        [
            *(sys.executable, "-c", CLI, "denoise", "in/big.png"),
            *("-o", "single.png", *map(str, tiny)),
        ],
        env={**os.environ, **dict.fromkeys(THREADS, threads)},
    )
    assert done.returncode == 0
    with Image.open("single.png") as single, Image.open("out/big.png") as joined:
        np.testing.assert_array_equal(np.asarray(joined), np.asarray(single))
    assert cli("regenerate", "nets/big.onnx", "-o", "again.png").code == 0
    with Image.open("again.png") as again, Image.open("out/big.png") as joined:
        difference = np.asarray(again).astype(int) - np.asarray(joined)
    assert np.abs(difference).max() <= 1
