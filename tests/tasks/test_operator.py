"""Any function as a degradation: one observation or several, and what is refused."""

import numpy as np
import pytest
from keras import ops
from skimage.data import astronaut

from keras_dip import DeepImagePrior, Operator
from keras_dip.metrics import psnr
from keras_dip.stopping import rule_for


def halved(x):
    return ops.average_pool(x, 2, strides=2)


def numbers(x):
    return ops.convert_to_numpy(x)


def test_the_function_is_the_degradation(picture):
    task = Operator(halved, restored_shape=(8, 6, 3))
    problem = task.prepare(picture(4, 3, 3))
    assert problem.shape == (8, 6, 3)
    assert problem.guess.shape == (1, 8, 6, 3)
    x = picture(1, 8, 6, 3, seed=1)
    blocks = x.reshape(1, 4, 2, 3, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(numbers(task.degrade(x)), blocks, atol=1e-6)
    loss = numbers(task.data_term(x, problem.observed))
    expected = np.mean((blocks - problem.observed["picture"]) ** 2)
    assert loss == pytest.approx(expected, rel=1e-4)


def test_several_observations_with_an_error_of_ones_own(picture):
    def exposures(x):
        return [x, x * 0.5]

    def absolute(y, y0):
        return ops.mean(ops.abs(y - y0))

    bright, dark = picture(4, 3, 3), picture(4, 3, 3, seed=1)
    task = Operator(exposures, more=[dark], data_term=absolute)
    observed = task.prepare(bright).observed
    x = picture(1, 4, 3, 3, seed=2)
    expected = np.abs(x[0] - bright).mean() + np.abs(x[0] / 2 - dark).mean()
    loss = numbers(task.data_term(x, observed))
    assert loss == pytest.approx(expected, rel=1e-4)
    assert task.settings() == {"fn": "exposures", "observations": 2, "sigma": 0.0}


def test_two_shifted_frames_make_a_larger_picture(small_skip):
    """Multi-frame super-resolution in ten lines."""
    clean = astronaut()[60:108, 200:248] / np.float32(255)

    def frames(x):
        shifted = ops.roll(x, (1, 1), (1, 2))
        return [halved(x), halved(shifted)]

    first, second = (numbers(y)[0] for y in frames(clean[np.newaxis]))
    task = Operator(frames, restored_shape=clean.shape, more=[second])
    image = DeepImagePrior(task, network=small_skip, steps=200).fit(first).image
    enlarged = first.repeat(2, 0).repeat(2, 1)
    assert psnr(image, clean) > psnr(enlarged, clean) + 1


@pytest.mark.parametrize(
    ("sigma", "rule"), [(0.0, "plateau"), (None, "wmv"), (0.1, "fission")]
)
def test_the_noise_decides_what_stops_the_fit(picture, sigma, rule):
    problem = Operator(lambda x: x, sigma=sigma).prepare(picture(32, 32, 3))
    assert rule_for("auto", problem).name == rule


def test_a_first_guess_of_ones_own(picture):
    task = Operator(
        halved, restored_shape=(8, 6, 3), initial=lambda y: ops.repeat(y, 2, 1)
    )
    with pytest.raises(ValueError, match=r"shape \(1, 8, 6, 3\).*: \(1, 8, 3, 3\)"):
        task.prepare(picture(4, 3, 3))
    task.initial = lambda y: ops.repeat(ops.repeat(y, 2, 1), 2, 2)
    small = picture(4, 3, 3)
    np.testing.assert_array_equal(
        task.prepare(small).guess[0], small.repeat(2, 0).repeat(2, 1)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Operator(3), r"fn as a function. Received: 3"),
        (lambda: Operator(halved, restored_shape=(8, 6)), r"restored_shape as \(h"),
        (lambda: Operator(halved, restored_shape=(8, 0, 3)), "of 1 or more each"),
        (
            lambda: Operator(
                halved, restored_shape=(8, 6, 3), observed_shape=(8, 6, 3)
            ),
            r"return the shape \(1, 8, 6, 3\).* Received: the shape \(1, 4, 3, 3\)",
        ),
        (
            lambda: Operator(halved).prepare(np.zeros((8, 6, 3))),
            r"return the shape \(1, 8, 6, 3\).* Received: the shape \(1, 4, 3, 3\)",
        ),
        (
            lambda: Operator(lambda x: [x, x]).prepare(np.zeros((8, 6, 3))),
            r"Received: the shape .* and the shape",
        ),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_function_without_a_gradient(tiny_network, scene):
    def cut(x):
        return ops.cast(ops.cast(x * 255, "int32"), "float32") / 255

    prior = DeepImagePrior(
        Operator(cut), network=tiny_network(12, 10), steps=2, stop="none"
    )
    with pytest.raises(ValueError, match="that are differentiable"):
        prior.fit(scene(12, 10, 3))
