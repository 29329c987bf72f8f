import numpy as np
import pytest

ARGUMENTS = ("denoise", "in.png", "-o", "out.png", "--members", "2", "--uncertainty")


@pytest.fixture
def deviation(prior):
    """Let the fit know a deviation of 0 to 0.2, by rows; half of it in one channel."""
    rows = np.linspace(0, 0.2, 6, dtype="float32")[:, None, None]
    prior.uncertainty = rows * np.ones((6, 8, 3), "float32")
    prior.uncertainty[..., 2] /= 2
    return prior.uncertainty


def test_numbers_are_written_as_they_are(cli, deviation, picture, folder):
    picture()

    ran = cli(*ARGUMENTS, "sd.npy")

    assert ran.code == 0 and "wrote out.png and sd.npy" in ran.err
    written = np.load(folder / "sd.npy")
    assert written.dtype == np.float32
    np.testing.assert_array_equal(written, deviation)


def test_a_picture_is_grey_and_its_white_is_explained(cli, deviation, picture, pixels):
    picture()

    ran = cli(*ARGUMENTS, "sd.png")

    # The mean of 0.2, 0.2 and 0.1 is 42.5 grey levels.
    assert "sd.png: white stands for a standard deviation of 42.5 grey" in ran.err
    grey = pixels("sd.png")
    assert grey.shape == (6, 8) and grey.dtype == np.uint8
    np.testing.assert_array_equal(grey[:, 0], np.arange(6) * 51)


def test_no_deviation_at_all_is_black(cli, prior, picture, pixels):
    picture()
    prior.uncertainty = np.zeros((6, 8, 3), "float32")

    assert cli(*ARGUMENTS, "sd.png").code == 0
    assert (pixels("sd.png") == 0).all()


@pytest.mark.parametrize("name", ["sd.npy", "sd.png"])
def test_an_existing_file_is_refused_before_the_fit(
    cli, deviation, prior, picture, folder, name
):
    picture()
    (folder / name).write_bytes(b"mine")

    ran = cli(*ARGUMENTS, name)

    assert ran.code == 1 and ran.err.count("\n") == 1 and name in ran.err
    assert (folder / name).read_bytes() == b"mine" and prior.made == []
    assert cli(*ARGUMENTS, name, "--force").code == 0
    assert (folder / name).read_bytes() != b"mine"


def test_an_unknown_suffix_lists_those_there_are(cli, prior, picture):
    picture()

    ran = cli(*ARGUMENTS, "sd.txt")

    assert ran.code == 1 and ".npy, .png" in ran.err and prior.made == []


def test_an_input_is_never_replaced(cli, prior, picture, pixels):
    original = picture()

    ran = cli(*ARGUMENTS, "in.png", "--force")

    assert ran.code == 1 and prior.made == []
    np.testing.assert_array_equal(pixels("in.png"), original)


@pytest.mark.parametrize(("ending", "code"), [("time limit", 1), ("interrupt", 130)])
def test_a_fit_that_came_to_one_member_has_none(
    cli, prior, picture, folder, ending, code
):
    picture()
    prior.stopped_by = ending

    ran = cli(*ARGUMENTS, "sd.npy")

    assert ran.code == code and "Expected 2 or more members" in ran.err
    assert ran.err.splitlines()[-1].endswith("wrote out.png")
    assert (folder / "out.png").exists() and not (folder / "sd.npy").exists()
