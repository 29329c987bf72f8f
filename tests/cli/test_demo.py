from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from keras_dip.cli.commands.demo import NOISE, SIDE, add_noise, sample_picture

FILES = [
    "demo.html",
    "demo.onnx",
    "demo_clean.png",
    "demo_noisy.png",
    "demo_restored.png",
]


def test_the_sample_comes_with_scikit_image():
    assert (Path(skimage.data.__file__).parent / "astronaut.png").is_file()
    assert sample_picture().shape == (SIDE, SIDE, 3)


def test_the_noise_is_as_strong_as_promised_and_always_the_same():
    grey = np.full((128, 128, 3), 0.5, "float32")

    noisy = add_noise(grey)

    assert np.std(noisy - grey) * 255 == pytest.approx(NOISE, rel=0.02)
    np.testing.assert_array_equal(noisy, add_noise(grey))


def test_the_demo_writes_its_files_and_says_what_it_did(cli, prior, folder):
    ran = cli("demo", "--folder", "deep/er", "--steps", "7")

    assert (ran.code, ran.out) == (0, b"")
    assert sorted(path.name for path in (folder / "deep/er").iterdir()) == FILES
    noisy = np.asarray(Image.open(folder / "deep/er/demo_noisy.png"))
    (made,) = prior.made
    np.testing.assert_array_equal(made.img, noisy)
    assert (
        made.settings == {"steps": 7, "snapshots": 8}
        and made.reference.shape == noisy.shape
    )
    clean = np.asarray(Image.open(folder / "deep/er/demo_clean.png"))
    error = np.mean((clean.astype(float) - noisy) ** 2)
    gained = f"{10 * np.log10(255**2 / error):.2f} dB"
    # The fake gives the noisy picture back.
    assert f"{gained} before, {gained} after" in ran.err
    assert "keras-dip denoise photo.jpg -o restored.png" in ran.err
    report = (folder / "deep/er/demo.html").read_text()
    assert "keras-dip demo --folder deep/er --steps 7" in report


def test_an_earlier_demo_is_not_replaced_without_force(cli, prior, folder):
    assert cli("demo").code == 0
    marked = folder / "keras_dip_demo" / "demo_restored.png"
    marked.write_bytes(b"mine")

    ran = cli("demo")

    assert ran.code == 1 and ran.err.startswith("keras-dip: ")
    assert marked.read_bytes() == b"mine" and len(prior.made) == 1
    assert cli("demo", "--force").code == 0
    assert marked.read_bytes() != b"mine"


def test_a_folder_that_cannot_be_made_is_refused(cli, prior, folder):
    (folder / "file").write_bytes(b"")

    ran = cli("demo", "--folder", "file")

    assert ran.code == 1 and ran.err.count("\n") == 1 and "'file'" in ran.err


def test_ctrl_c_keeps_what_there_is(cli, prior, folder):
    prior.stopped_by = "interrupt"

    assert cli("demo").code == 130
    written = (folder / "keras_dip_demo").iterdir()
    assert sorted(path.name for path in written) == FILES
