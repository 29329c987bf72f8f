"""Blur: SciPy's convolution, the shapes of the PSFs, and what holds for any of them."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.transform import rotate

from keras_dip.ops import blur as module
from keras_dip.ops.blur import (
    blur,
    blur_separably,
    disk_psf,
    gaussian_profile,
    motion_psf,
    sharpened,
    transfer,
)

sides = st.integers(1, 24)
seeds = st.integers(0, 100)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def apply(x, psf):
    return keras.ops.convert_to_numpy(blur(x, psf))


@st.composite
def pictures_and_psfs(draw):
    """A picture and a PSF of any smaller size, even ones too."""
    height, width = draw(sides), draw(sides)
    m, n = draw(st.integers(1, height)), draw(st.integers(1, width))
    seed = draw(seeds)
    psf = uniform(m, n, seed=seed).astype("float64") + 0.1
    return uniform(1, height, width, 2, seed=seed + 1), psf / psf.sum()


@given(drawn=pictures_and_psfs())
@settings(max_examples=60)
def test_it_is_the_convolution_of_scipy(drawn):
    x, psf = drawn
    expected = [
        ndimage.convolve(plane.astype("float64"), psf, mode="reflect")
        for plane in np.moveaxis(x[0], -1, 0)
    ]
    found = apply(x, psf)
    assert (found.shape, found.dtype) == (x.shape, "float32")
    np.testing.assert_allclose(found[0], np.stack(expected, -1), atol=2e-6)


@given(drawn=pictures_and_psfs())
@settings(max_examples=25)
def test_both_ways_to_compute_it_agree(drawn):
    x, psf = drawn
    padded = module._mirror(x, *psf.shape)
    slid, multiplied = module._slide(padded, psf), module._multiply(padded, psf)
    assert slid.shape == multiplied.shape == x.shape
    np.testing.assert_allclose(slid, multiplied, atol=2e-6)


@pytest.mark.parametrize("size", [(3, 5), (13, 13), (4, 6), (14, 12)])
def test_a_point_comes_out_as_the_psf(size):
    psf = uniform(*size).astype("float64")
    x = np.zeros((1, 32, 30, 1), "float32")
    x[0, 15, 14] = 1
    top, left = 15 - size[0] // 2, 14 - size[1] // 2
    seen = apply(x, psf)[0, top : top + size[0], left : left + size[1], 0]
    np.testing.assert_allclose(seen, psf, atol=1e-6)


@pytest.mark.parametrize("deviation", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("size", [(33, 22), (21, 40)])
def test_a_gaussian_is_that_of_scipy(deviation, size):
    x = uniform(1, *size, 3)
    found = blur_separably(x, gaussian_profile(deviation))
    expected = ndimage.gaussian_filter(x[0].astype("float64"), (deviation,) * 2 + (0,))
    np.testing.assert_allclose(found[0], expected, atol=2e-6)


@given(drawn=pictures_and_psfs())
@settings(max_examples=25)
def test_constant_pictures_stay_constant(drawn):
    x, psf = drawn
    np.testing.assert_allclose(apply(np.full_like(x, 0.7), psf), 0.7, atol=1e-5)


@pytest.mark.parametrize("psf", [uniform(3, 3), uniform(15, 15)])
def test_the_precision_of_the_input_is_kept(psf):
    x = keras.ops.cast(uniform(1, 20, 20, 1), "float16")
    assert blur(x, psf).dtype == "float16"


@given(length=st.floats(0.5, 40), angle=st.floats(-400, 400))
@settings(max_examples=60)
def test_a_motion_is_a_straight_path_through_the_middle(length, angle):
    psf = motion_psf(length, angle)
    rows, columns = psf.shape
    assert rows % 2 and columns % 2
    assert psf.sum() == pytest.approx(1)
    assert psf.min() >= 0
    np.testing.assert_allclose(psf, psf[::-1, ::-1], atol=1e-9)
    y, x = np.mgrid[rows // 2 : -rows // 2 : -1, -(columns // 2) : columns // 2 + 1]
    # Its pixels are close to the line, and as spread along it as a segment is.
    turned = np.radians(angle)
    along = x * np.cos(turned) + y * np.sin(turned)
    across = -x * np.sin(turned) + y * np.cos(turned)
    assert np.abs(across[psf > 0]).max() <= np.sqrt(0.5) + 1e-6
    assert np.sum(psf * along**2) == pytest.approx(length**2 / 12, abs=length / 3)


def test_motions_by_hand():
    np.testing.assert_allclose(motion_psf(5, 0), np.full((1, 5), 0.2))
    np.testing.assert_allclose(motion_psf(4, 90), np.c_[[0.5, 1, 1, 1, 0.5]] / 4)
    # A quarter turn counter-clockwise of a path that rises to the right.
    np.testing.assert_allclose(motion_psf(9, 120), np.rot90(motion_psf(9, 30)))
    rising = motion_psf(9, 30)
    assert rising[: rising.shape[0] // 2, rising.shape[1] // 2 + 1 :].sum() > 0.3
    assert motion_psf(0.5, 20).tolist() == [[1.0]]


def test_a_turned_motion_is_the_motion_at_that_angle():
    flat = np.zeros((41, 41))
    flat[20, 5:36] = 1 / 31
    psf = motion_psf(31, 35)
    wide = np.zeros((41, 41))
    top, left = (20 - side // 2 for side in psf.shape)
    wide[top : top + psf.shape[0], left : left + psf.shape[1]] = psf
    blurred = [ndimage.gaussian_filter(p, 1.5) for p in (rotate(flat, 35), wide)]
    np.testing.assert_allclose(*blurred, atol=0.05 * blurred[1].max())


@pytest.mark.parametrize("radius", [0.4, 1.0, 2.5, 4.0])
def test_a_disk_covers_its_area(radius):
    psf = disk_psf(radius)
    reach = psf.shape[0] // 2
    assert psf.shape == (2 * reach + 1,) * 2
    assert reach - 0.5 < radius <= reach + 0.5
    assert psf.sum() == pytest.approx(1)
    np.testing.assert_allclose(psf, psf.T)
    np.testing.assert_allclose(psf, psf[::-1])
    if radius >= 1:
        # A pixel in the middle is covered as a whole.
        assert 1 / psf.max() == pytest.approx(np.pi * radius**2, rel=0.02)


def test_the_transfer_is_what_becomes_of_waves():
    psf = motion_psf(7, 20)
    gain = transfer(psf, 32, 48)
    assert gain.shape == (32, 48)
    assert gain[0, 0] == pytest.approx(1)
    y, x = np.mgrid[0:96, 0:144]
    for u, v in ((0, 5), (3, 2), (31, 4)):
        wave = np.cos(2 * np.pi * (u * y / 32 + v * x / 48)).astype("float32")
        seen = apply(wave[np.newaxis, ..., np.newaxis], psf)[0, 32:64, 48:96, 0]
        assert seen.std() == pytest.approx(gain[u, v] * wave.std(), abs=1e-4)


@pytest.mark.parametrize("size", [(20, 24), (15, 21)])
def test_a_mild_blur_is_undone(size):
    # A PSF that is the same in a mirror: the mirrored picture is blurred as a whole.
    profile = np.array([0.2, 0.6, 0.2])
    x = uniform(*size, 2)
    blurred = apply(x[np.newaxis], np.outer(profile, profile))[0]
    found = sharpened(blurred, np.outer(profile, profile), 1e-9)
    assert (found.shape, found.dtype) == (x.shape, "float32")
    np.testing.assert_allclose(found, x, atol=1e-4)


def test_softening_keeps_what_would_grow():
    psf = motion_psf(9, 0)
    noise = np.random.default_rng(0).normal(0, 1, (64, 64, 1))
    hard, soft = (sharpened(noise, psf, s).std() for s in (1e-4, 0.1))
    assert soft < 1.6 < 3 < hard
    # Even sizes have their centre where the blur has it.
    point = np.zeros((1, 32, 32, 1), "float32")
    point[0, 12, 17] = 1
    psf = np.array([[0.1, 0.2], [0.2, 0.5]])
    found = sharpened(apply(point, psf)[0], psf, 1e-3)
    assert np.unravel_index(found.argmax(), found.shape) == (12, 17, 0)
