"""Super-resolution: the loss compares small pictures, the result is a large one."""

import json

import keras
import numpy as np
import pytest

from keras_dip.ops.downsample import KERNELS, downsample
from keras_dip.settings import resolve
from keras_dip.tasks import super_resolve
from keras_dip.tasks.super_resolve import SuperResolve


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("size", [(8, 9), (5, 7)])
def test_degrade_takes_the_restored_to_the_observed_shape(picture, factor, size):
    task = SuperResolve(factor)
    problem = task.prepare(picture(*size, 3))
    height, width = size
    assert problem.shape == (height * factor, width * factor, 3)
    assert problem.guess.shape == (1, *problem.shape)
    small = task.degrade(problem.guess)
    assert small.shape == problem.observed["picture"].shape


def test_degrade_is_the_lanczos2_operator(picture):
    x = picture(1, 16, 12, 3)
    expected = downsample(x, 4, "lanczos2")
    np.testing.assert_array_equal(SuperResolve(4).degrade(x), expected)


@pytest.mark.parametrize("kernel", ["lanczos3", "bicubic", "box", "gauss"])
def test_degrade_is_behind_the_filter_that_was_asked_for(picture, kernel):
    x, task = picture(1, 16, 12, 3), SuperResolve(4, kernel=kernel)
    np.testing.assert_array_equal(task.degrade(x), downsample(x, 4, kernel))
    assert task.settings() == {"factor": 4, "kernel": kernel}


def test_the_kernels_offered_are_those_there_are():
    (option,) = [o for o in SuperResolve.declaration.options if o.name == "kernel"]
    assert option.choices == KERNELS
    with pytest.raises(ValueError, match=r"a kernel of .*box.* Received: 'mean'"):
        SuperResolve(2, kernel="mean")


def test_data_term_and_finish(picture):
    task, x = SuperResolve(2), picture(1, 16, 12, 3)
    small = keras.ops.convert_to_numpy(task.degrade(x))
    observed = {"picture": small + 0.1}
    loss = keras.ops.convert_to_numpy(task.data_term(x, observed))
    assert loss.shape == ()
    assert loss == pytest.approx(0.01, rel=1e-4)
    assert task.finish(x, observed) is x


def test_back_projection_weighs_all_that_downsampling_kept_alike(picture):
    task, softening = SuperResolve(4), super_resolve.SOFTENING
    problem = task.back_project(task.prepare(picture(7, 9, 3)))
    x = picture(1, 28, 36, 3)
    loss = keras.ops.convert_to_numpy(task.data_term(x, problem.observed))
    # An independent way: the pseudo-inverse of the matrix of A, one channel at a time.
    sides = []
    for side, small in ((28, 7), (36, 9)):
        identity = np.eye(side, dtype="float32").reshape(1, side, side, 1)
        a = np.zeros((small, side))
        for column in range(side):
            line = np.repeat(
                identity[:, column : column + 1].reshape(1, -1, 1, 1), 4, 2
            )
            a[:, column] = keras.ops.convert_to_numpy(task.degrade(line))[0, :, 0, 0]
        square = a @ a.T
        scale = np.linalg.norm(square, 2)
        sides.append(np.linalg.inv(square / scale + softening * np.eye(small)))
    error = keras.ops.convert_to_numpy(task.degrade(x)) - problem.observed["picture"]
    error = error[0].astype("float64")
    expected = np.einsum("hwc,hi,wj,ijc->", error, *sides, error) / error.size
    assert loss == pytest.approx(expected, rel=1e-4)
    # Without it, and as published, plain squares.
    plain = task.data_term(x, task.prepare(picture(7, 9, 3)).observed)
    assert keras.ops.convert_to_numpy(plain) == pytest.approx(np.mean(error**2))


def test_only_the_published_settings_compare_without_it():
    assert resolve(SuperResolve(4), "fast").back_projection
    assert not resolve(SuperResolve(4), "paper").back_projection


def test_the_first_guess_is_a_bicubic_enlargement_in_range():
    y, x = np.mgrid[0:8, 0:8] / 10
    ramp = np.stack([x, y], axis=-1).astype("float32")
    guess = SuperResolve(4).initial_picture({"picture": ramp[np.newaxis]})[0]
    assert guess.shape == (32, 32, 2)
    assert guess.min() >= 0
    assert guess.max() <= 1
    # A ramp stays one, at the centres of the finer pixels.
    fine = ((np.arange(32) + 0.5) / 4 - 0.5) / 10
    np.testing.assert_allclose(guess[16, 8:24, 0], fine[8:24], atol=1e-3)
    np.testing.assert_allclose(guess[8:24, 16, 1], fine[8:24], atol=1e-3)
    checks = np.indices((8, 8)).sum(axis=0) % 2
    checks = checks[None, ..., None].astype("float32")
    guess = SuperResolve(3).initial_picture({"picture": checks})
    assert (guess.min(), guess.max()) == (0, 1)


@pytest.mark.parametrize(
    ("factor", "steps", "jitter"), [(2, 2000, 0.03), (4, 2000, 0.03), (8, 4000, 0.05)]
)
def test_published_settings(published, factor, steps, jitter):
    paper = published(SuperResolve(factor))
    assert paper.z == ("noise", 32)
    assert paper.channels == (128,) * 5
    assert paper.skips == (4,) * 5
    assert paper.down_kernel == 3
    assert paper.up_1x1
    assert paper.upsampling == "bilinear"
    assert paper.learning_rate == 0.01
    assert paper.steps == steps
    assert paper.jitter == jitter
    assert paper.average == 0


def test_settings_can_be_recorded():
    settings = SuperResolve(np.int64(4)).settings()
    assert json.dumps(settings) == '{"factor": 4, "kernel": "lanczos2"}'


@pytest.mark.parametrize("factor", [1, 0, -2, 2.5, 4.0, True, "4", None])
def test_a_factor_that_is_no_integer_of_two_or_more(factor):
    message = r"Expected factor as an integer of 2 or more\. Received: "
    with pytest.raises(ValueError, match=message) as raised:
        SuperResolve(factor)
    assert str(raised.value).endswith(f"Received: {factor!r}")
