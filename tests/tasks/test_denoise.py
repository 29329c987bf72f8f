"""Denoising: the identity, its noise level, and the published settings."""

import json

import keras
import numpy as np
import pytest

from keras_dip.noise import noise_sigma
from keras_dip.tasks.denoise import Denoise


def test_degrade_data_term_and_finish(picture):
    task, observed = Denoise(), picture(6, 5, 3)
    problem = task.prepare(observed)
    x = problem.observed["picture"] + 0.1
    assert problem.shape == (6, 5, 3)
    np.testing.assert_array_equal(task.degrade(x), x)
    np.testing.assert_array_equal(task.finish(x, problem.observed), x)
    loss = keras.ops.convert_to_numpy(task.data_term(x, problem.observed))
    assert loss == pytest.approx(0.01, rel=1e-4)
    np.testing.assert_array_equal(problem.guess[0], observed)


def test_the_noise_level_is_the_given_one(picture):
    assert Denoise(0.1).prepare(picture(8, 8, 3)).sigma == 0.1


def test_the_noise_level_is_estimated_when_not_given():
    noise = np.random.default_rng(0).normal(0, 0.1, (64, 64, 3))
    sigma = Denoise().prepare((0.5 + noise).astype("float32")).sigma
    assert sigma == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(("levels", "is_noise"), [(0.05, False), (0.3, True)])
def test_an_estimate_below_a_tenth_of_a_level_is_no_noise(levels, is_noise):
    noise = np.random.default_rng(0).normal(0, levels / 255, (64, 64, 3))
    picture = (0.5 + noise).astype("float32")
    problem = Denoise().prepare(picture)
    assert noise_sigma(picture) > 0
    assert (problem.sigma > 0) is is_noise
    # Who gives it means it.
    assert Denoise(levels / 255).prepare(picture).sigma == levels / 255


def test_published_settings(published):
    paper = published(Denoise())
    assert paper.z == ("noise", 32)
    assert paper.channels == (128,) * 5
    assert paper.skips == (4,) * 5
    assert paper.down_kernel == 3
    assert paper.up_1x1
    assert paper.upsampling == "bilinear"
    assert paper.learning_rate == 0.01
    assert paper.steps == 1800
    assert paper.jitter == pytest.approx(1 / 30)
    assert paper.average == 0.99
    assert paper.average_from_first


@pytest.mark.parametrize(
    ("levels", "jitter"), [(25, 1 / 30), (39.9, 1 / 30), (40, 1 / 20), (50, 1 / 20)]
)
def test_heavy_noise_is_jittered_more(published, levels, jitter):
    heavy, unknown = published(Denoise(levels / 255)), published(Denoise())
    assert heavy.jitter == pytest.approx(jitter)
    heavy.jitter = unknown.jitter
    assert heavy == unknown


def test_settings_can_be_recorded():
    assert json.dumps(Denoise(np.float32(0.5)).settings()) == '{"sigma": 0.5}'
    assert Denoise().settings() == {"sigma": None}


@pytest.mark.parametrize("sigma", [25, 0, -0.1, 1.01, float("nan"), True, "25"])
def test_a_noise_level_out_of_range(sigma):
    message = r"Expected sigma \(in units of \[0, 1\]\) .* at most 1\. Received: "
    with pytest.raises(ValueError, match=message) as raised:
        Denoise(sigma)
    assert str(raised.value).endswith(f"Received: {sigma!r}")


def test_only_the_published_settings_leave_clipped_noise_as_it_is():
    assert Denoise().preset_settings("fast")["unclip"]
    assert "unclip" not in Denoise().preset_settings("paper")
