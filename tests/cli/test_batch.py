import json
import os
import signal
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from keras_dip import tasks
from keras_dip.batch.local import Ended, LocalRunner
from keras_dip.batch.manifest import Manifest
from keras_dip.batch.worklist import Picture
from keras_dip.cli.batch import Batch, run_batch
from keras_dip.cli.messages import Messages
from keras_dip.cli.request import Request

BATCH = ("batch", "denoise", "in", "-o", "out")
TINY = ("--steps", 2, "--network", "deep_decoder")


class Here:
    """Stands for LocalRunner: does the work in this process."""

    slots = 1

    def __init__(self, work, environments):
        self.work = work

    def run(self, jobs):
        for job in jobs:
            yield Ended(job, self.work(job))


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setattr("keras_dip.batch.local.LocalRunner", Here)


@pytest.fixture
def pictures(folder, picture):
    """Write three pictures in two folders; return their pixels by name."""
    (folder / "in/deep").mkdir(parents=True)
    names = ("a.png", "b.png", "deep/c.png")
    return {
        name: picture(f"in/{name}", shape=(6 + i, 8)) for i, name in enumerate(names)
    }


@pytest.fixture
def entries(folder):
    """Read the lines of the manifest, in their order."""

    def read(name="out"):
        lines = (folder / name / "manifest.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return read


def results(lines):
    return {line["output"]: line["result"] for line in lines}


def files(folder):
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()
    )


def table(err):
    """Return the counts of the final table."""
    rows = [line.split() for line in err.splitlines()]
    return {row[0]: int(row[1]) for row in rows if row[:1] and row[0] in COUNTS}


COUNTS = ("done", "skipped", "failed")


def test_folders_and_names_are_kept(
    cli, prior, here, pictures, pixels, folder, entries
):
    ran = cli(*BATCH, "--steps", 9)

    assert (ran.code, ran.out) == (0, b"")
    assert table(ran.err) == {"done": 3, "skipped": 0, "failed": 0}
    assert files(folder / "out") == ["a.png", "b.png", "deep/c.png", "manifest.jsonl"]
    for name, original in pictures.items():
        np.testing.assert_array_equal(pixels(f"out/{name}"), original)
    first = entries()[0]
    assert len(first.pop("sha256")) == 64 and first.pop("seconds") >= 0
    assert first == {
        "input": os.path.join("in", "a.png"),
        "output": "a.png",
        "result": "done",
        "settings": {
            "task": "denoise",
            "options": {"noise": "gaussian", "preset": "fast", "seed": 0, "steps": 9},
        },
        "psnr": None,
        "steps": 70,
        "stopped_by": "steps",
        "error": None,
        "wrote": None,
    }


def test_each_picture_has_a_report_that_names_its_own_command(
    cli, prior, here, pictures, folder
):
    ran = cli("batch", "denoise", "in", "-o", "out", "--report", "pages")

    assert ran.code == 0, ran.err
    title, command, onnx = (folder / "pages/deep/c.html").read_text().splitlines()
    assert (title, onnx) == ("c.png", "None")
    assert command.startswith("keras-dip denoise -o ")
    assert command.endswith(f"in{os.sep}deep{os.sep}c.png")
    assert sorted(path.name for path in (folder / "pages").iterdir()) == [
        "a.html",
        "b.html",
        "deep",
    ]


def test_options_mean_what_they_mean_for_one_picture(cli, prior, here, pictures):
    given = (
        "--sigma", "51", "--preset", "paper", "--steps", "9", "--seed", "4",
        "--stop", "emv", "--members", "3", "--blend", "0.1", "--time-limit", "2.5",
    )  # fmt: skip
    assert cli("denoise", "in/a.png", "-o", "single.png", *given).code == 0
    assert cli(*BATCH, *given).code == 0

    single, *many = prior.made
    assert len(many) == 3
    for made in many:
        assert made.settings == single.settings
        assert made.task.sigma == single.task.sigma


@pytest.mark.parametrize("verb", tasks.verbs())
def test_every_option_of_a_task_is_there(verb):
    from keras_dip.cli.app import app

    context = click.Context(app)
    single = app.get_command(context, verb)
    group = app.get_command(context, "batch")
    many = group.get_command(context, verb)
    given = {flag for p in many.params for flag in p.opts}
    assert {flag for p in single.params for flag in p.opts} - given == {"source"}


def test_what_is_done_is_skipped_and_the_rest_is_done(
    cli, prior, here, pictures, picture, folder, entries
):
    (folder / "in/b.png").write_bytes(b"no picture")
    ran = cli(*BATCH)
    assert ran.code == 1 and table(ran.err) == {"done": 2, "skipped": 0, "failed": 1}
    assert results(entries())["b.png"] == "failed"
    assert f"keras-dip: {os.path.join('in', 'b.png')}: Expected a picture" in ran.err

    picture("in/b.png")
    ran = cli(*BATCH)
    assert ran.code == 0 and table(ran.err) == {"done": 1, "skipped": 2, "failed": 0}
    assert [line["output"] for line in entries()] == [
        *("a.png", "b.png", "deep/c.png"),
        "b.png",  # what was skipped needs no line
    ]
    assert cli(*BATCH).code == 0
    assert len(prior.made) == 3 and len(entries()) == 4


@pytest.mark.parametrize(
    ("change", "more", "redone"),
    [
        (lambda folder: None, ("--steps", "3"), 3),
        (lambda folder: None, ("--force",), 3),
        (lambda folder: None, ("--onnx", "nets"), 3),
        (lambda folder: (folder / "out/a.png").unlink(), (), 1),
        (lambda folder: (folder / "in/a.png").write_bytes(jpeg()), (), 1),
        (lambda folder: os.utime(folder / "in/a.png", (1, 1)), (), 0),
        (lambda folder: None, ("--reference", "in"), 0),
    ],
    ids=["settings", "force", "more outputs", "output", "input", "time", "reference"],
)
def test_what_is_done_again(cli, prior, here, pictures, folder, change, more, redone):
    assert cli(*BATCH).code == 0
    change(folder)
    ran = cli(*BATCH, *more)
    assert ran.code == 0
    assert table(ran.err) == {"done": redone, "skipped": 3 - redone, "failed": 0}


def jpeg():
    import io

    file = io.BytesIO()
    Image.new("RGB", (9, 7)).save(file, "JPEG")
    return file.getvalue()


def test_a_mask_that_changed_is_another_setting(cli, prior, here, pictures, folder):
    def write_masks(level):
        for name, original in pictures.items():
            mask = np.full(original.shape, 255, "uint8")
            mask[2, 3] = level if name == "b.png" else 0
            path = folder / "masks" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(path)

    inpaint = ("batch", "inpaint", "in", "-o", "out", "--mask", "masks")
    write_masks(0)
    assert cli(*inpaint).code == 0
    assert [made.task.mask.shape for made in prior.made] == [
        (side, 8, 1) for side in (6, 7, 8)
    ]
    write_masks(255)
    assert table(cli(*inpaint).err) == {"done": 1, "skipped": 2, "failed": 0}


def test_files_of_others_are_never_replaced(
    cli, prior, here, pictures, folder, entries
):
    (folder / "out").mkdir()
    (folder / "out/b.png").write_bytes(b"mine")
    for _ in range(2):
        ran = cli(*BATCH)
        assert ran.code == 0
        assert (folder / "out/b.png").read_bytes() == b"mine"
        assert [x["result"] for x in entries()] == ["done", "skipped", "done"]
        assert "not of this manifest" in entries()[1]["error"]
    assert cli(*BATCH, "--force").code == 0
    assert (folder / "out/b.png").read_bytes() != b"mine"


def test_what_was_restored_by_hand_after_a_failure_is_not_replaced(
    cli, prior, here, pictures, folder, entries
):
    broken = folder / "in/b.png"
    whole = broken.read_bytes()
    broken.write_bytes(b"no picture")
    assert cli(*BATCH).code == 1
    (folder / "out/b.png").write_bytes(b"mine")
    broken.write_bytes(whole)
    assert cli(*BATCH).code == 0
    assert (folder / "out/b.png").read_bytes() == b"mine"
    assert entries()[-1]["result"] == "skipped"


def test_what_a_failure_has_left_is_replaced(cli, prior, here, pictures, folder):
    prior.error = ZeroDivisionError("oh")  # with the best picture so far
    assert cli(*BATCH).code == 1 and (folder / "out/b.png").exists()
    prior.error = None
    ran = cli(*BATCH)
    assert table(ran.err) == {"done": 3, "skipped": 0, "failed": 0}


def test_outputs_among_the_inputs_are_no_inputs(cli, prior, here, pictures, folder):
    inside = ("batch", "denoise", "in", "-o", "in/out", "--keras", "in/nets")
    for _ in range(2):
        assert cli(*inside).code == 0
    assert len(prior.made) == 3
    assert files(folder / "in/nets") == ["a.keras", "b.keras", "deep/c.keras"]


def test_another_format(cli, prior, here, folder, picture):
    (folder / "in").mkdir()
    picture("in/a.bmp")
    picture("in/b.tiff")
    assert cli(*BATCH, "--format", "tiff").code == 0
    assert files(folder / "out") == ["a.tif", "b.tiff", "manifest.jsonl"]
    with Image.open(folder / "out/a.tif") as image:
        assert image.format == "TIFF"


def test_a_list_sets_options_of_single_pictures(
    cli, prior, here, pictures, folder, entries
):
    (folder / "in/list.csv").write_text(
        "input,output,sigma,seed,learning-rate\n"
        "a.png,first.png,51,3,\nb.png,,,,0.5\ndeep/c.png,,25.5,,\n"
    )
    ran = cli("batch", "denoise", "in/list.csv", "-o", "out", "--seed", 7)
    assert ran.code == 0
    assert [made.task.sigma for made in prior.made] == [0.2, None, 0.1]
    assert [made.settings["seed"] for made in prior.made] == [3, 7, 7]
    assert prior.made[1].settings["learning_rate"] == 0.5
    assert list(results(entries())) == ["first.png", "b.png", "deep/c.png"]


def test_a_list_may_give_what_is_needed(cli, prior, here, pictures, folder, pixels):
    (folder / "in/list.csv").write_text("input,factor\na.png,2\nb.png,3\n")
    ran = cli("batch", "super-resolve", "in/list.csv", "-o", "out")
    assert ran.code == 0
    assert pixels("out/a.png").shape == (12, 16)
    assert pixels("out/b.png").shape == (21, 24)

    ran = cli("batch", "super-resolve", "in", "-o", "out")
    assert ran.code == 2 and "Expected --factor, or a column 'factor'" in ran.err


def test_files_of_a_list_are_beside_it(cli, prior, here, pictures, folder):
    Image.new("L", (8, 6), 255).save(folder / "in/deep/mask.png")
    (folder / "in/list.csv").write_text("input,mask\na.png,deep/mask.png\n")
    ran = cli("batch", "inpaint", "in/list.csv", "-o", "out")
    assert ran.code == 0 and prior.made[0].task.mask.shape == (6, 8, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input,colour\na.png,red\n", "options of denoise: sigma"),
        ("input,sigma\na.png,red\n", "'red' is not a valid float"),
        ("input,onnx\na.png,x.onnx\n", "Received: 'onnx'"),
        ("input,reference\na.png,-\n", None),
    ],
)
def test_a_list_that_is_wrong_is_refused_with_its_line(
    cli, prior, here, pictures, folder, text, message
):
    (folder / "in/list.csv").write_text(text)
    ran = cli("batch", "denoise", "in/list.csv", "-o", "out")
    if message is None:  # in/-, a file like any other, which there is not
        assert ran.code == 0
        return
    assert ran.code == 2 and message in ran.err
    assert os.path.join("in", "list.csv") + ", line 2: " in ran.err
    assert prior.made == [] and not (folder / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--half",), "Expected --onnx"),
        (("--uncertainty", "maps"), "--members 2 or more"),
        (("--warm-start", "-"), "Expected files in a batch"),
        (("--reference", "nowhere"), "Expected a local folder for --reference"),
        (("--workers", "0"), "0 is not in the range"),
        (("--gpus-per-picture", "0.5"), "Expected --ray beside"),
        (("--ray", "local", "--workers", "2"), "--workers or --ray. Received: both"),
    ],
)
def test_wrong_usage_is_refused_before_the_start(
    cli, prior, pictures, folder, more, message
):
    ran = cli(*BATCH, *more)
    assert ran.code == 2 and message in ran.err
    assert not (folder / "out").exists()


def test_an_output_that_is_no_folder(cli, prior, here, pictures, folder):
    (folder / "out").write_bytes(b"mine")
    ran = cli(*BATCH)
    assert ran.code == 1 and ran.err.startswith("keras-dip: Expected a folder")


def test_everything_beside_the_pictures_goes_into_folders(
    cli, prior, here, pictures, folder
):
    prior.uncertainty = np.ones((6, 8), "float32")
    ran = cli(
        "batch", "denoise", "in/a.png", "-o", "out", "--onnx", "nets", "--members", 2,
        "--uncertainty", "maps", "--snapshots", "way", "--checkpoint", "kept",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert files(folder / "nets") == ["a.onnx"] and files(folder / "maps") == ["a.npy"]
    assert "a.png/step_00050.png" in files(folder / "way")
    assert files(folder / "kept") == []


def test_references_by_the_same_names(cli, prior, here, pictures, folder, entries):
    (folder / "clean").mkdir()
    off = pictures["a.png"] // 2
    Image.fromarray(off).save(folder / "clean/a.tif")
    assert cli(*BATCH, "--reference", "clean").code == 0
    known = {line["output"]: line["psnr"] for line in entries()}
    error = np.mean(np.square((pictures["a.png"].astype(float) - off) / 255))
    assert known.pop("a.png") == pytest.approx(-10 * np.log10(error), abs=1e-3)
    assert known == {"b.png": None, "deep/c.png": None}


def test_an_error_in_the_middle_of_one_is_its_own(
    cli, prior, here, pictures, folder, entries
):
    prior.error = ZeroDivisionError("oh")
    prior.keeps_restoration = False
    ran = cli(*BATCH, "-q")
    assert ran.code == 1
    assert {line["error"] for line in entries()} == {"ZeroDivisionError: oh"}
    assert files(folder / "out") == ["manifest.jsonl"]


def test_ctrl_c_keeps_what_is_done(cli, prior, here, pictures, monkeypatch, entries):
    def fit(self, img, **more):
        if len(prior.made) == 2:
            signal.raise_signal(signal.SIGINT)
        return whole(self, img, **more)

    whole = prior.fit
    monkeypatch.setattr(prior, "fit", fit)
    # A script's background job, as a test run may be, has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ran = cli(*BATCH)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ran.code == 130 and "the same command goes on" in ran.err
    assert results(entries()) == {"a.png": "done"}
    assert "not begun or cut off         2" in ran.err

    ran = cli(*BATCH)
    assert ran.code == 0 and table(ran.err) == {"done": 2, "skipped": 1, "failed": 0}


def test_pictures_behind_urls(cli, prior, here, pictures, folder, entries, pixels):
    fs = pytest.importorskip("fsspec").filesystem("memory")
    try:
        fs.put(str(folder / "in"), "/there", recursive=True)
        batch = ("batch", "denoise", "memory://there", "-o", "out")
        assert cli(*batch).code == 0
        assert table(cli(*batch).err)["skipped"] == 3
        ran = cli(*batch, "--checkpoint", "kept")
        assert ran.code == 2 and "Expected local files beside --checkpoint" in ran.err
        fs.pipe_file("/there/a.png", b"no picture")
        assert cli(*batch).code == 1
    finally:
        fs.store.clear()
        fs.pseudo_dirs[:] = [""]
    np.testing.assert_array_equal(pixels("out/deep/c.png"), pictures["deep/c.png"])
    assert entries()[0]["input"] == "memory:///there/a.png"


def test_urls_need_a_package(cli, prior, here, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    ran = cli("batch", "denoise", "memory://there", "-o", "out")
    assert ran.code == 1 and "pip install 'keras_dip[remote]'" in ran.err


def test_ray_needs_a_package(cli, prior, pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    ran = cli(*BATCH, "--ray", "local")
    assert ran.code == 1 and "pip install 'keras_dip[ray]'" in ran.err


def on_ray(work):
    from keras_dip.batch.cluster import LOCAL, RayRunner

    return RayRunner(work, LOCAL)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("runner", "why"),
    [
        (lambda work: LocalRunner(work, [{}, {}]), "2 workers died of it (SIGKILL"),
        pytest.param(
            on_ray,
            "WorkerCrashedError: ",
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
    ],
    ids=["here", "ray"],
)
def test_a_worker_killed_in_the_middle_costs_nothing_but_time(
    folder, picture, monkeypatch, entries, runner, why
):
    helpers = str(Path(__file__).parents[1] / "batch")
    monkeypatch.syspath_prepend(helpers)
    monkeypatch.setenv("PYTHONPATH", helpers, prepend=os.pathsep)  # for those of Ray
    work = import_module("batch_jobs").copy_or_die
    names = ["a.png", "die once.png", "c.png", "die always.png", "e.png"]
    for name in names:
        picture(name)
    (folder / "out").mkdir()
    declaration = tasks.declaration("denoise")
    batch = Batch(
        [Picture(name, name) for name in names],
        [
            Request(
                declaration, {"sigma": 25.0, "noise": None}, {}, name, f"out/{name}"
            )
            for name in names
        ],
        Manifest("out"),
        force=False,
        title="batch",
        elsewhere=True,
    )

    code = run_batch(batch, runner(work), Messages())

    assert code == 1
    lines = entries()
    assert sorted(line["output"] for line in lines) == sorted(names)
    assert results(lines).pop("die always.png") == "failed"
    assert [x["result"] for x in lines].count("done") == 4
    (failed,) = (line for line in lines if line["result"] == "failed")
    assert failed["error"].startswith(why)


def test_six_pictures_of_which_two_are_bad(cli, folder, scene, entries, pixels):
    (folder / "in").mkdir()
    for index in range(6):
        noisy = scene(16, 16, 3, noise=0.1, seed=index)
        Image.fromarray(np.uint8(noisy * 255)).save(folder / f"in/{index}.png")
    (folder / "in/1.png").write_bytes(b"no picture")
    whole = (folder / "in/4.png").read_bytes()
    (folder / "in/4.png").write_bytes(whole[: len(whole) // 2])

    ran = cli(*BATCH, *TINY)

    assert ran.code == 1, ran.err
    assert table(ran.err) == {"done": 4, "skipped": 0, "failed": 2}
    assert results(entries()) == {
        **dict.fromkeys(["0.png", "2.png", "3.png", "5.png"], "done"),
        **dict.fromkeys(["1.png", "4.png"], "failed"),
    }
    assert files(folder / "out") == [
        "0.png",
        "2.png",
        "3.png",
        "5.png",
        "manifest.jsonl",
    ]

    # The single verb makes the same picture; threads may change the last bit.
    assert cli("denoise", "in/3.png", "-o", "single.png", *TINY).code == 0
    difference = pixels("single.png").astype(int) - pixels("out/3.png")
    assert np.abs(difference).max() <= 1

    (folder / "in/4.png").write_bytes(whole)
    ran = cli(*BATCH, *TINY)
    assert ran.code == 1
    assert table(ran.err) == {"done": 1, "skipped": 4, "failed": 1}
