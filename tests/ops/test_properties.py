"""What must hold for every operator of `ops`, and for A of every task.

Sizes odd and even; linearity and the adjoint, by the dot product <A x, y> = <x, A* y>
with A* from automatic differentiation, where A is linear; and the same numbers as an
implementation that shares no code with ours, where there is one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from keras_dip import tasks
from keras_dip.ops import jpeg as ops_jpeg
from keras_dip.ops.blur import blur, blur_separably, gaussian_profile
from keras_dip.ops.downsample import KERNELS, downsample, downsampling_kernel
from keras_dip.ops.mosaic import PATTERNS, mosaic
from keras_dip.ops.stabilise import Anscombe, Logarithm

# Few examples each: there are many operators.
few = settings(max_examples=15)
numbers = keras.ops.convert_to_numpy


@dataclass(frozen=True)
class Case:
    """An operator for one size of picture.

    `apply` takes [1, h, w, c]; `made` is the shape that comes of it, without the 1;
    `reference` does the same to [h, w, c] in another way.
    """

    apply: Callable[[Any], Any]
    shape: tuple[int, int, int]
    made: tuple[int, int, int]
    reference: Callable[[np.ndarray], np.ndarray] | None = None


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def sides(draw, least=1):
    return draw(st.integers(least, 19)), draw(st.integers(least, 19))


def same(x):
    return x


# Operators of `ops`, drawn with their options.


def filtered_and_sampled(x, factor, kernel):
    """Downsample by SciPy: correlate with the kernel, keep one pixel per block."""
    taps = downsampling_kernel(factor, kernel)
    reach = len(taps)
    wide = np.pad(x, ((reach, 2 * reach), (reach, 2 * reach), (0, 0)), mode="edge")
    smooth = ndimage.correlate(wide, taps[..., np.newaxis], mode="nearest")
    first = reach - (reach - factor) // 2 + reach // 2
    rows, columns = (
        first + factor * np.arange(-(-side // factor)) for side in x.shape[:2]
    )
    return smooth[rows][:, columns]


def downsampled(draw, kernel):
    (height, width), factor = sides(draw), draw(st.integers(2, 5))
    return Case(
        lambda x: downsample(x, factor, kernel),
        (height, width, 2),
        (-(-height // factor), -(-width // factor), 2),
        lambda x: filtered_and_sampled(x, factor, kernel),
    )


def convolved(x, psf):
    return ndimage.convolve(x, psf[..., np.newaxis], mode="reflect")


def blurred(draw, psf_sides, least=1):
    m, n = draw(psf_sides), draw(psf_sides)
    height, width = sides(draw, max(m, n, least))
    psf = uniform(m, n, seed=draw(st.integers(0, 99))).astype("float64")
    shape = (height, width, 2)
    return Case(lambda x: blur(x, psf), shape, shape, lambda x: convolved(x, psf))


def blurred_by_a_gaussian(draw):
    deviation = draw(st.sampled_from([0.4, 1.0, 1.9]))
    shape = (*sides(draw, 17), 2)
    return Case(
        lambda x: blur_separably(x, gaussian_profile(deviation)),
        shape,
        shape,
        lambda x: ndimage.gaussian_filter(x, (deviation, deviation, 0)),
    )


def picked(x, pattern):
    """Return the colour of each pixel that a Bayer pattern names, one by one."""
    colour = [["RGB".index(c) for c in pattern[i : i + 2]] for i in (0, 2)]
    rows = [
        [pixel[colour[i % 2][j % 2]] for j, pixel in enumerate(row)]
        for i, row in enumerate(x)
    ]
    return np.array(rows)[..., np.newaxis]


def seen_by_a_sensor(draw):
    (height, width), pattern = sides(draw), draw(st.sampled_from(PATTERNS))
    return Case(
        lambda x: mosaic(x, pattern),
        (height, width, 3),
        (height, width, 1),
        lambda x: picked(x, pattern),
    )


def coded(draw, *, rounded):
    """JPEG; without the rounding it is linear."""
    subsampling = draw(st.sampled_from(list(ops_jpeg.SUBSAMPLINGS)))
    shape = (*sides(draw), draw(st.sampled_from([1, 3])))
    tables = ops_jpeg.standard_tables(50)[[0, 1, 1][: shape[-1]]]

    def apply(x):
        if rounded:
            return ops_jpeg.jpeg(x, tables, subsampling)
        planes = ops_jpeg.coefficients(x, subsampling)
        return ops_jpeg.picture(planes, shape[:2], subsampling)

    return Case(apply, shape, shape)


LINEAR_OPERATORS = {
    **{f"downsample, {k}": lambda draw, k=k: downsampled(draw, k) for k in KERNELS},
    "blur, slid": lambda draw: blurred(draw, st.integers(1, 7)),
    "blur, by Fourier": lambda draw: blurred(draw, st.integers(13, 16)),
    "blur, separably": blurred_by_a_gaussian,
    "mosaic": seen_by_a_sensor,
    "jpeg, not rounded": lambda draw: coded(draw, rounded=False),
}
OPERATORS = {
    **LINEAR_OPERATORS,
    "jpeg": lambda draw: coded(draw, rounded=True),
}


# A of every task.


@cache
def features():
    z = keras.Input((6, 7, 3))
    return keras.Model(z, keras.layers.Conv2D(2, 3, name="conv")(z))


def of_task(task, shape, reference=same, made=None):
    return Case(task.degrade, shape, made or shape, reference)


def deblur(draw):
    psf = uniform(3, 4) + 0.1
    shape = (*sides(draw, 4), 3)
    return of_task(
        tasks.get("deblur")(psf), shape, lambda x: convolved(x, psf / psf.sum())
    )


def demosaic(draw):
    shape = (*sides(draw), 3)
    task = tasks.get("demosaic")("GBRG")
    return of_task(task, shape, lambda x: picked(x, "GBRG"), (*shape[:2], 1))


def super_resolve(draw):
    height, width = sides(draw)
    return of_task(
        tasks.get("super_resolve")(3, kernel="bicubic"),
        (height * 3, width * 3, 1),
        lambda x: filtered_and_sampled(x, 3, "bicubic"),
        (height, width, 1),
    )


def operator(draw):
    shape = (*sides(draw), 2)
    task = tasks.get("operator")(lambda x: keras.ops.roll(x[:, ::-1], 1, 2) / 4)
    return of_task(task, shape, lambda x: np.roll(x[::-1], 1, 1) / 4)


def compose(draw):
    height, width = sides(draw, 2)
    psf = np.ones((2, 3))
    task = tasks.get("compose")(
        tasks.get("deblur")(psf),
        tasks.get("super_resolve")(2),
        tasks.get("demosaic")("RGGB"),
    )
    return of_task(
        task,
        (height * 2, width * 2, 3),
        lambda x: picked(
            filtered_and_sampled(convolved(x, psf / 6), 2, "lanczos2"), "RGGB"
        ),
        (height, width, 1),
    )


def identity(make):
    return lambda draw: of_task(make(), (*sides(draw), 3))


TASKS = {
    "activation_maximization": identity(
        lambda: tasks.get("activation_maximization")(features(), "conv", 0)
    ),
    "compose": compose,
    "deblur": deblur,
    "dejpeg": identity(lambda: tasks.get("dejpeg")(quality=50)),
    "demosaic": demosaic,
    "denoise": identity(lambda: tasks.get("denoise")()),
    "enhance": identity(lambda: tasks.get("enhance")()),
    "feature_inversion": identity(
        lambda: tasks.get("feature_inversion")(features(), "conv")
    ),
    "flash": identity(lambda: tasks.get("flash")(uniform(6, 7, 3))),
    "inpaint": identity(lambda: tasks.get("inpaint")(np.ones((6, 7)))),
    "operator": operator,
    "reconstruct": identity(lambda: tasks.get("reconstruct")()),
    "super_resolve": super_resolve,
}
LINEAR = {**LINEAR_OPERATORS, **TASKS}
EVERY = {**OPERATORS, **TASKS}
# libjpeg always rounds; test_jpeg has the comparison with it.
COMPARED = {name: make for name, make in EVERY.items() if not name.startswith("jpeg")}


def test_no_task_is_left_out():
    assert set(TASKS) == set(tasks.names())


@pytest.mark.parametrize("name", EVERY)
@few
@given(data=st.data())
def test_any_size_gives_the_shape_that_was_said(name, data):
    case = EVERY[name](data.draw)
    y = case.apply(keras.ops.convert_to_tensor(uniform(1, *case.shape)))
    assert y.shape == (1, *case.made)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    assert np.isfinite(numbers(y)).all()


@pytest.mark.parametrize("name", COMPARED)
@few
@given(data=st.data())
def test_it_is_what_another_implementation_makes(name, data):
    case = COMPARED[name](data.draw)
    x = uniform(1, *case.shape)
    expected = case.reference(x[0].astype("float64"))
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(numbers(case.apply(x))[0], expected, atol=5e-6 * scale)


@pytest.mark.parametrize("name", LINEAR)
@few
@given(data=st.data(), a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_it_is_linear(name, data, a, b):
    case = LINEAR[name](data.draw)
    x, y = uniform(1, *case.shape), uniform(1, *case.shape, seed=1)
    of_x, of_y = numbers(case.apply(x)), numbers(case.apply(y))
    both = numbers(case.apply((a * x + b * y).astype("float32")))
    scale = max(1, np.abs(of_x).max())
    np.testing.assert_allclose(both, a * of_x + b * of_y, atol=2e-5 * scale)


@pytest.mark.parametrize("name", LINEAR)
@few
@given(data=st.data())
def test_the_gradient_is_the_adjoint(gradient, name, data):
    case = LINEAR[name](data.draw)
    x, y = uniform(1, *case.shape), uniform(1, *case.made, seed=1) - 0.5
    # Of a linear operator the gradient is the same wherever it is taken.
    elsewhere = uniform(1, *case.shape, seed=2)
    adjoint = gradient(lambda x: case.apply(x) * y, elsewhere)
    left = np.sum(numbers(case.apply(x)) * y, dtype="float64")
    right = np.sum(x * adjoint, dtype="float64")
    size = np.linalg.norm(x) * np.linalg.norm(adjoint)
    assert abs(left - right) <= 1e-5 * size + 1e-6


# What is not linear: the mask, which acts on errors, and the scales of noise.


@few
@given(data=st.data(), channels=st.sampled_from([1, 3]), seed=st.integers(0, 99))
def test_a_mask_lets_only_known_pixels_through(gradient, data, channels, seed):
    height, width = sides(data.draw)
    known = uniform(height, width, channels, seed=seed) > 0.4
    known[0, 0] = True
    task = tasks.get("inpaint")(known)
    y = uniform(height, width, channels, seed=1)
    observed = task.prepare(y).observed
    x = uniform(1, height, width, channels, seed=2)
    loss = task.data_term(x, observed)
    error = np.where(known, x[0] - y, 0)
    assert float(loss) == pytest.approx(np.mean(error**2), rel=1e-4)
    # A mask is its own adjoint.
    found = gradient(lambda x: task.data_term(x, observed), x)[0]
    np.testing.assert_allclose(found, 2 * error / error.size, rtol=1e-4, atol=1e-8)
    np.testing.assert_array_equal(found[~known], 0)


@pytest.mark.tensorflow  # in float64
@pytest.mark.parametrize("kind", [Anscombe, Logarithm])
@few
@given(data=st.data(), sigma=st.floats(0.05, 0.4))
def test_a_scale_of_noise_works_on_each_pixel_by_itself(gradient, kind, data, sigma):
    x = uniform(1, *sides(data.draw), 3).astype("float64") * 0.9 + 0.1
    scale = kind(sigma)
    scaled = scale.forward(x)
    assert (scaled.shape, scaled.dtype) == (x.shape, "float32")
    np.testing.assert_array_equal(scale.forward(x[:, ::-1]), scaled[:, ::-1])
    mean = scaled.astype("float64")
    slope, step = gradient(scale.inverse, mean), 1e-4
    assert slope.shape == x.shape
    ends = [numbers(scale.inverse(mean + s)) for s in (-step, step)]
    np.testing.assert_allclose(slope, (ends[1] - ends[0]) / (2 * step), rtol=1e-3)
    assert (slope > 0).all()
