"""Fits that begin where another ended: from a restoration, or from its file."""

import subprocess
import sys

import numpy as np
import pytest

from keras_dip import DeepImagePrior, Reconstruct
from keras_dip.errors import KerasDipError
from keras_dip.models import build


@pytest.fixture
def prior(tiny_network):
    def make(steps, members=1, network=None):
        return DeepImagePrior(
            Reconstruct(),
            network=network or tiny_network(12, 10),
            steps=steps,
            stop="none",
            members=members,
        )

    return make


@pytest.mark.parametrize("members", [1, 2])
def test_the_next_frame_begins_where_the_last_one_ended(prior, scene, members):
    first, second = scene(12, 10, 3), scene(12, 10, 3, noise=0.01)
    before = prior(60, members).fit(first)
    cold = prior(1, members).fit(second).history["loss"]
    warm = prior(1, members).fit(second, warm_start=before).history["loss"]
    assert len(warm) == members
    assert (warm < 0.5 * cold).all()


def test_a_file_is_as_good_as_the_restoration(prior, scene, tmp_path):
    img, file = scene(12, 10, 3), tmp_path / "before.keras"
    before = prior(5, members=2).fit(img)
    before.export(file)
    images = [
        prior(5, members=2).fit(img, warm_start=start).image
        for start in (before, file, str(file))
    ]
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[0], images[2])


def test_every_network_is_read_back_in_a_new_process(tmp_path):
    from keras_dip import keras_files

    scales = {"down_channels": (8, 8), "up_channels": (8, 8)}
    networks = {
        "skip": {**scales, "skip_channels": (4, 4)},
        "hourglass": scales,
        "unet": {"scale_channels": (8, 8)},
        "resnet": {"blocks": 1},
        "deep_decoder": {},
        "pixels": {},
    }
    files = []
    for name, options in networks.items():
        files.append(str(tmp_path / f"{name}.keras"))
        options = {**options, "input_channels": 2, "output_channels": 3, "seed": 0}
        network = build(name, (32, 32), **options)
        keras_files.save(files[-1], network)
    code = (
        "import sys; from keras_dip.keras_files import load; "
        "[load(file) for file in sys.argv[1:]]"
    )
    subprocess.run([sys.executable, "-c", code, *files], check=True)


def test_another_network_is_refused(prior, tiny_network, scene):
    before = prior(1, network=tiny_network(12, 10, inputs=3)).fit(scene(12, 10, 3))
    with pytest.raises(ValueError, match=r"same network .* Received: 8 weights of 213"):
        prior(1).fit(scene(12, 10, 3), warm_start=before)


def test_an_existing_file_is_kept(prior, scene, tmp_path):
    file = tmp_path / "network.keras"
    file.write_text("mine")
    with pytest.raises(ValueError, match="does not exist yet"):
        prior(1).fit(scene(12, 10, 3)).export(file)
    assert file.read_text() == "mine"


def test_what_is_no_start_is_refused(prior, scene, tmp_path):
    with pytest.raises(ValueError, match=r"path of a \.keras file. Received: .* int"):
        prior(1).fit(scene(12, 10, 3), warm_start=3)
    (tmp_path / "bad.keras").write_text("no network")
    with pytest.raises(KerasDipError, match=r"saved as \.keras. Received: '.*bad"):
        prior(1).fit(scene(12, 10, 3), warm_start=tmp_path / "bad.keras")
