import csv
import json

import numpy as np
import pytest
from PIL import Image

from keras_dip import experiments
from keras_dip.experiments import Fit, Outcome

FILES = ["learning-curves.csv", "learning-curves.json", "learning-curves.png"]


@pytest.fixture
def studied(monkeypatch):
    """Put a made-up study in the place of the fits; return the setups it was given."""
    setups = []

    def run(name, setup):
        setups.append((name, setup))
        with setup.watch("natural picture") as callbacks:
            assert len(callbacks) == 1
        history = {"step": np.array([25, 50]), "loss": np.array([0.2, 0.1])}
        settings = {"jitter": 1 / 30, "versions": {"keras": "3.0"}}
        fit = Fit("natural picture", setup.picture, history, 9, 1.0, "steps", settings)
        rows = [{"picture": fit.name, "step": s, "loss": 0.1} for s in (25, 50)]
        return Outcome([fit], rows, {fit.name: setup.picture}, run.interrupted)

    run.interrupted, run.setups = False, setups
    monkeypatch.setattr(experiments, "run", run)
    return run


def test_a_study_writes_its_plot_table_and_settings(cli, studied, folder):
    numbers = ["--steps", "50", "--size", "24", "--channels", "8", "--noise", "15"]
    ran = cli("experiment", "learning-curves", "--folder", "a/b", *numbers)

    assert (ran.code, ran.out) == (0, b"")
    assert sorted(path.name for path in (folder / "a/b").iterdir()) == FILES
    ((name, setup),) = studied.setups
    assert name == "learning-curves" and setup.picture.shape == (24, 24, 3)
    assert (setup.steps, setup.seed, setup.channels) == (50, 0, 8)
    assert setup.noise == pytest.approx(15 / 255)
    with open(folder / "a/b/learning-curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["picture", "step", "loss"] and len(rows) == 2
    record = json.loads((folder / "a/b/learning-curves.json").read_text())
    assert record["fits"]["natural picture"]["jitter"] == 1 / 30
    assert {"keras", "matplotlib", "pillow", "numpy"} <= set(record["versions"])
    assert record["options"]["channels"] == 8
    assert "learning-curves.png" in ran.err

    # The command on record does the same again.
    verb, *arguments = record["command"].split()
    assert verb == "keras-dip"
    assert cli(*arguments, "--force").code == 0
    assert studied.setups[1][1].noise == setup.noise
    np.testing.assert_array_equal(studied.setups[1][1].picture, setup.picture)


def test_steps_and_size_are_those_of_the_study_unless_given(cli, studied):
    assert cli("experiment", "learning-curves", "-q").code == 0
    ((_, setup),) = studied.setups
    study = experiments.study("learning-curves")
    assert setup.steps == study.steps
    assert setup.picture.shape == (study.size, study.size, 3)


def test_a_picture_of_the_user(cli, studied, picture):
    pixels = picture("mine.png", (32, 32, 3))
    assert cli("experiment", "learning-curves", "mine.png", "--size", "32").code == 0
    ((_, setup),) = studied.setups
    np.testing.assert_allclose(setup.picture * 255, pixels, atol=1e-4)


def test_existing_files_are_refused_before_any_fit(cli, studied, folder):
    (folder / "out").mkdir()
    (folder / "out/learning-curves.csv").write_bytes(b"mine")

    ran = cli("experiment", "learning-curves", "--folder", "out")

    assert ran.code == 1 and ran.err.count("\n") == 1
    assert "learning-curves.csv" in ran.err and studied.setups == []
    assert (folder / "out/learning-curves.csv").read_bytes() == b"mine"
    assert cli("experiment", "learning-curves", "--folder", "out", "--force").code == 0
    assert (folder / "out/learning-curves.csv").read_bytes() != b"mine"


def test_the_picture_itself_is_never_overwritten(cli, studied, picture, folder):
    picture("learning-curves.png", (32, 32, 3))
    before = (folder / "learning-curves.png").read_bytes()
    ran = cli(
        *["experiment", "learning-curves", "learning-curves.png", "--size", "32"],
        *["--folder", ".", "--force"],
    )
    assert ran.code == 1 and "not an input" in ran.err and studied.setups == []
    assert (folder / "learning-curves.png").read_bytes() == before


def test_ctrl_c_keeps_what_there_is(cli, studied, folder):
    studied.interrupted = True
    assert cli("experiment", "learning-curves").code == 130
    written = (folder / "keras_dip_experiments").iterdir()
    assert sorted(path.name for path in written) == FILES


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nonsense"], 2, "nonsense"),
        (["learning-curves", "--size", "500"], 1, "Expected a size of 16 to 256"),
        (["learning-curves", "--noise", "nan"], 2, "nan"),
        (["learning-curves", "missing.png"], 1, "missing.png"),
    ],
)
def test_bad_usage(cli, studied, folder, arguments, code, words):
    ran = cli("experiment", *arguments)
    assert ran.code == code and words in ran.err
    assert studied.setups == [] and list(folder.iterdir()) == []


def test_help_lists_the_studies(cli):
    ran = cli("experiment", "--help")
    for name in experiments.names():
        assert f"{name} ".encode() in ran.out
        assert experiments.study(name).summary.encode() in ran.out


def test_a_real_study_from_end_to_end(cli, folder, tiny_network, monkeypatch):
    from keras_dip.experiments import trajectory

    monkeypatch.setattr(trajectory, "skip_network", lambda _: tiny_network(32, 32))
    ran = cli(
        *["experiment", "trajectory", "--size", "32", "--steps", "2"],
        *["--folder", "out", "-q"],
    )
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    written = {path.name for path in (folder / "out").iterdir()}
    assert written == set(experiments.study("trajectory").files)
    with open(folder / "out/trajectory.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["step", "loss", "psnr_clean", "psnr_noisy"]
    assert row["step"] == "2"
    with Image.open(folder / "out/trajectory.gif") as film:
        assert film.size == (256, 280)
