import csv
import json
import math

import numpy as np
import pytest
from PIL import Image

HEADING = "PSNR degraded     PSNR     SSIM  seconds    steps  best step  stopped by"


@pytest.fixture
def pairs(folder):
    """Write a folder of two pairs whose degraded pictures are off by 51 levels."""
    (folder / "set").mkdir()
    for name, level in [("a", 100), ("bird", 150)]:
        grey = np.full((8, 12), level, "uint8")
        Image.fromarray(grey).save(folder / f"set/{name}_GT.png")
        Image.fromarray(grey + 51).save(folder / f"set/{name}_dark.png")
    return folder / "set"


@pytest.fixture
def clean(folder):
    """Write a folder of one clean picture."""
    (folder / "set").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), "uint8")
    Image.fromarray(pixels).save(folder / "set/x.png")
    return pixels


def test_pairs_are_restored_and_told_in_a_table(cli, prior, pairs, folder):
    ran = cli("evaluate", "set", "-o", "t.csv", "--steps", "9", "--stop", "emv")

    assert ran.code == 0
    # The fake gives the degraded picture back: 20 log10(5) = 13.98 dB.
    row = "13.98    13.98   {}      5.0       70         50"
    ssim = f"{float(ssim_of(folder)):.4f}"
    heading, *rows = ran.out.decode().splitlines()
    assert heading == f"picture    {HEADING}"
    assert rows[0].startswith("a_dark  ") and rows[0].endswith("  steps")
    assert row.format(ssim) in rows[0]
    assert [line.split()[0] for line in rows] == ["a_dark", "bird_dark", "mean"]
    assert rows[2].split()[1:3] == ["13.98", "13.98"]
    assert "bird_dark (2 of 2): step 70/100" in ran.err
    assert [made.settings for made in prior.made] == [
        {"preset": "fast", "seed": 0, "steps": 9, "stop": "emv"}
    ] * 2
    with open(folder / "t.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["picture"] for line in table] == ["a_dark", "bird_dark", "mean"]
    assert float(table[2]["psnr"]) == pytest.approx(20 * math.log10(5), abs=1e-4)


def ssim_of(folder):
    with open(folder / "t.csv", newline="") as file:
        return next(csv.DictReader(file))["ssim"]


def test_json_and_saved_pictures(cli, prior, pairs, folder, pixels):
    ran = cli("evaluate", "set", "-o", "t.json", "--save", "deep/er", "-q")

    assert ran.code == 0 and ran.err.count("\n") == 2  # the library's chatter
    table = json.loads((folder / "t.json").read_text())
    assert table[0]["picture"] == "a_dark" and table[0]["stopped_by"] == "steps"
    np.testing.assert_array_equal(pixels("deep/er/a_dark.png"), 151)
    np.testing.assert_array_equal(pixels("deep/er/bird_dark.png"), 201)


def test_noise_is_made_from_the_seed(cli, prior, clean):
    for seed in (1, 1, 2):
        assert cli("evaluate", "set", "--degrade", "noise:25", "--seed", seed).code == 0

    first, again, other = (made.img for made in prior.made)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and (first != clean).any()
    assert prior.made[0].task.name == "denoise"


def test_the_kind_of_noise_reaches_the_task(cli, prior, pairs):
    assert cli("evaluate", "set", "--noise", "poisson").code == 0
    assert {made.task.noise for made in prior.made} == {"poisson"}


def test_downscaling_is_undone_by_super_resolution(cli, prior, clean):
    ran = cli(
        "evaluate", "set", "--degrade", "downscale:2", "--on", "luma",
        "--crop-multiple", "4", "--border", "1",
    )  # fmt: skip

    assert ran.code == 0
    assert prior.made[0].task.factor == 2 and prior.made[0].img.shape == (4, 6, 3)


def test_missing_pixels_are_inpainted(cli, prior, clean):
    ran = cli("evaluate", "set", "--degrade", "missing:0.5")

    task = prior.made[0].task
    assert ran.code == 0 and task.name == "inpaint" and task.keep_known
    assert 0.2 < task.mask.mean() < 0.8
    np.testing.assert_array_equal(prior.made[0].img, clean * task.mask)


def test_a_picture_that_fails_does_not_stop_the_others(cli, prior, pairs, folder):
    (pairs / "a_dark.png").write_bytes(b"no picture")

    ran = cli("evaluate", "set", "-o", "t.csv")

    assert ran.code == 1
    assert ran.err.count("keras-dip: a_dark: Expected a picture") == 1
    failed, good, mean = ran.out.decode().splitlines()[1:]
    assert "failed: Expected a picture" in failed and "13.98" not in failed
    assert "13.98" in good and "13.98" in mean
    with open(folder / "t.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert table[0]["psnr"] == "" and table[0]["error"].startswith("Expected a picture")


def test_all_may_fail(cli, prior, pairs):
    prior.error = ZeroDivisionError("oh")

    ran = cli("evaluate", "set")

    assert ran.code == 1 and "Traceback" not in ran.err
    assert "keras-dip: bird_dark: ZeroDivisionError: oh\n" in ran.err
    assert ran.out.decode().splitlines()[-1].split() == ["mean", *["-"] * 6]


def test_ctrl_c_ends_with_what_there_is(cli, prior, pairs, folder):
    prior.stopped_by = "interrupt"

    ran = cli("evaluate", "set", "-o", "t.csv")

    assert ran.code == 130 and len(prior.made) == 1
    assert (folder / "t.csv").read_text().count("\n") == 3
    prior.error, prior.keeps_restoration = KeyboardInterrupt(), False
    assert cli("evaluate", "set", "-o", "t.csv", "--force").code == 130


@pytest.mark.parametrize(
    "arguments",
    [
        ("--degrade", "noise"),
        ("--degrade", "noise:25", "--task", "inpaint"),
        ("--degrade", "downscale:2", "--factor", "4"),
        ("--task", "super-resolve"),
        ("--factor", "2"),
        ("--task", "inpaint", "--noise", "poisson"),
        ("--task", "inpaint", "--preset", "paper"),
        ("--preset", "paper-hole"),
        ("--on", "hue"),
        ("--border", "-1"),
    ],
    ids=" ".join,
)
def test_wrong_usage(cli, prior, pairs, arguments):
    ran = cli("evaluate", "set", *arguments)

    assert ran.code == 2 and ran.out == b"" and "Traceback" not in ran.err
    assert prior.made == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "mine.csv"),
        ("-o", "table.txt"),
        ("-o", "set/a_dark.png", "--force"),
        ("--save", "set", "--force"),
        ("--save", "full"),
        ("--save", "mine.csv"),
    ],
    ids=" ".join,
)
def test_outputs_are_refused_before_the_first_fit(cli, prior, pairs, folder, arguments):
    (folder / "mine.csv").write_bytes(b"mine")
    (folder / "full").mkdir()
    (folder / "full/mine").write_bytes(b"mine")

    ran = cli("evaluate", "set", *arguments)

    assert ran.code == 1 and ran.err.count("\n") == 1 and ran.out == b""
    assert prior.made == [] and (folder / "mine.csv").read_bytes() == b"mine"


def test_two_pictures_of_one_name_are_not_saved_over_each_other(cli, prior, pairs):
    Image.fromarray(np.zeros((8, 12), "uint8")).save(pairs / "a_dark.bmp")

    ran = cli("evaluate", "set", "--save", "out")

    assert ran.code == 1 and "two of a_dark" in ran.err and prior.made == []


def test_a_folder_without_pictures(cli, prior, folder):
    ran = cli("evaluate", ".")

    assert ran.code == 1 and ran.err.count("\n") == 1 and "NAME_GT" in ran.err


def test_two_real_steps(cli, folder, pixels):
    y, x = np.mgrid[0:32, 0:32] * 4
    Image.fromarray(np.uint8(np.dstack([y, x, y + x]))).save(folder / "ramp.png")

    ran = cli(
        "evaluate", ".", "--degrade", "noise:25", "--steps", "2", "--stop", "none",
        "--members", "1", "--save", "out", "--device", "cpu",
    )  # fmt: skip

    assert ran.code == 0
    name, before, after, _, _, steps, *_ = ran.out.decode().splitlines()[1].split()
    assert (name, steps) == ("ramp", "2")
    # Clipping takes a little of the noise of 25 grey levels, which is 20.17 dB.
    assert 20 < float(before) < 21.5 and 3 < float(after) < 40
    assert pixels("out/ramp.png").shape == (32, 32, 3)
