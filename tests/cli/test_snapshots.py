import csv

import numpy as np
import pytest

ARGUMENTS = ("denoise", "in.png", "-o", "out.png", "--snapshots", "along")
FILES = ["snapshots.csv", "step_00025.png", "step_00050.png", "step_00070.png"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_pictures_and_a_table_are_written(cli, prior, picture, folder, pixels):
    original = picture(shape=(6, 8, 4))

    ran = cli(*ARGUMENTS)

    assert ran.code == 0 and ran.err.endswith("wrote out.png and along\n")
    assert prior.made[0].settings["snapshots"] == 8
    assert names(folder / "along") == FILES
    # The fake's iterates are the picture, darker; the chosen one is the result.
    early, chosen = pixels("along/step_00025.png"), pixels("along/step_00050.png")
    np.testing.assert_array_equal(chosen, original)
    np.testing.assert_allclose(early[..., :3], original[..., :3] * 0.25, atol=0.51)
    np.testing.assert_array_equal(early[..., 3], original[..., 3])
    with open(folder / "along/snapshots.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["step", "criterion", "chosen", "last"],
            ["25", "6.25", "0", "0"],
            ["50", "12.5", "1", "0"],
            ["70", "17.5", "0", "1"],
        ]


def test_the_depth_is_that_of_the_input(cli, prior, picture, pixels):
    picture(shape=(6, 8), dtype="uint16")

    assert cli(*ARGUMENTS).code == 0
    assert pixels("along/step_00025.png").dtype == np.uint16


def test_a_folder_that_is_not_empty_is_refused_before_the_fit(
    cli, prior, picture, folder
):
    picture()
    (folder / "along").mkdir()
    (folder / "along/mine.txt").write_bytes(b"mine")

    ran = cli(*ARGUMENTS)

    assert ran.code == 1 and ran.err.count("\n") == 1 and "'along'" in ran.err
    assert prior.made == [] and names(folder / "along") == ["mine.txt"]
    assert cli(*ARGUMENTS, "--force").code == 0
    assert names(folder / "along") == ["mine.txt", *FILES]


@pytest.mark.parametrize(
    "where", [".", "in.png", "in.png/deeper", "out.png", "out.png/deep/down"]
)
def test_a_folder_of_inputs_or_no_folder_is_refused(cli, prior, picture, where):
    picture()

    ran = cli(*ARGUMENTS[:-1], where, "--force")

    assert ran.code == 1 and ran.err.count("\n") == 1 and "Received" in ran.err
    assert prior.made == []


@pytest.mark.parametrize("where", ["o.onnx", "o.onnx/deeper", "./x/../o.onnx"])
def test_a_folder_in_the_place_of_another_output_is_refused(
    cli, prior, picture, folder, where
):
    picture()

    ran = cli(*ARGUMENTS[:-1], where, "--onnx", "o.onnx", "--force")

    assert ran.code == 1 and ran.err.count("\n") == 1
    assert "without inputs and other outputs" in ran.err
    assert prior.made == [] and names(folder) == ["in.png"]


def test_nothing_is_made_when_the_picture_cannot_be_read(cli, prior, folder):
    ran = cli(*ARGUMENTS)

    assert ran.code == 1 and not (folder / "along").exists()


def test_folders_above_are_made_too(cli, prior, picture, folder):
    picture()

    assert cli(*ARGUMENTS[:-1], "a/b").code == 0
    assert names(folder / "a/b") == FILES
