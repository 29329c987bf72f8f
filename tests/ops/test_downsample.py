"""The Lanczos operator: the reference's numbers, and what must hold for any factor."""

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_dip.ops.downsample import KERNELS, downsample, downsampling_kernel

REFERENCE = np.load(
    Path(__file__).parents[1] / "models" / "parity" / "lanczos_downsampler.npz"
)
CASES = sorted(key.removesuffix("/kernel") for key in REFERENCE if "/kernel" in key)

sizes = st.integers(1, 40)
factors = st.integers(2, 9)
kernels = st.sampled_from(KERNELS)


def apply(x, factor, kernel="lanczos2"):
    return keras.ops.convert_to_numpy(downsample(x, factor, kernel))


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype("float32")


def test_there_are_cases_for_both_kernels():
    assert len(CASES) == 6
    assert {case.split("_")[0] for case in CASES} == {"lanczos2", "lanczos3"}


@pytest.mark.parametrize("case", CASES)
def test_the_reference(case):
    kernel, factor = case.split("_x")
    ours = downsampling_kernel(int(factor), kernel)
    np.testing.assert_allclose(ours, REFERENCE[f"{case}/kernel"], rtol=0, atol=1e-5)
    output = apply(REFERENCE["input"], int(factor), kernel)
    expected = REFERENCE[f"{case}/output"]
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)


@given(factor=factors, kernel=kernels)
def test_kernels_are_symmetric_and_sum_to_one(factor, kernel):
    values = downsampling_kernel(factor, kernel)
    support = 3 if kernel == "lanczos3" else 2
    side = factor if kernel == "box" else 2 * support * factor - factor % 2
    assert values.shape == (side, side)
    assert values.sum() == pytest.approx(1)
    np.testing.assert_allclose(values, values.T)
    np.testing.assert_allclose(values, values[::-1, ::-1])
    # A windowed sinc: its largest value in the middle, negative lobes around.
    assert values.max() == values[side // 2, side // 2]
    assert (values.min() < 0) == (kernel not in ("box", "gauss"))


def test_a_kernel_by_hand():
    # Offsets of 1/4, 3/4, 5/4 and 7/4 coarse pixels, on both sides.
    d = np.array([-1.75, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 1.75])
    profile = 2 * np.sin(np.pi * d) * np.sin(np.pi * d / 2) / (np.pi * d) ** 2
    profile /= profile.sum()
    np.testing.assert_allclose(downsampling_kernel(2), np.outer(profile, profile))


@given(height=sizes, width=sizes, channels=st.integers(1, 4), factor=factors)
@settings(max_examples=40)
def test_shapes(height, width, channels, factor):
    output = apply(uniform(2, height, width, channels), factor)
    assert output.shape == (2, -(-height // factor), -(-width // factor), channels)
    assert output.dtype == "float32"
    assert np.isfinite(output).all()


@given(height=sizes, width=sizes, factor=factors, kernel=kernels)
@settings(max_examples=40)
def test_constant_pictures_stay_constant(height, width, factor, kernel):
    picture = np.full((1, height, width, 2), 0.7, "float32")
    np.testing.assert_allclose(apply(picture, factor, kernel), 0.7, rtol=1e-5)


@given(factor=factors, kernel=kernels)
def test_ramps_keep_the_centres_of_their_blocks(factor, kernel):
    # So the small picture lies exactly over the large one, for odd factors too.
    blocks, reach = 13, 3
    y, x = np.mgrid[0 : blocks * factor, 0 : blocks * factor].astype("float32")
    output = apply(np.stack([y, x, 2 * y - x], axis=-1)[np.newaxis], factor, kernel)
    centre = np.arange(blocks) * factor + (factor - 1) / 2
    rows, columns = np.meshgrid(centre, centre, indexing="ij")
    expected = np.stack([rows, columns, 2 * rows - columns], axis=-1)
    inside = slice(reach, -reach)  # farther out, the border is repeated
    np.testing.assert_allclose(
        output[0, inside, inside], expected[inside, inside], atol=1e-3
    )


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_the_border_is_repeated(factor):
    x = uniform(1, 6 * factor, 5 * factor, 1)
    more = 4 * factor
    wide = np.pad(x, ((0, 0), (more, more), (more, more), (0, 0)), mode="edge")
    output = apply(wide, factor)[:, 4:-4, 4:-4]
    np.testing.assert_allclose(apply(x, factor), output, atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_turning_the_picture_turns_the_result(factor):
    x = uniform(1, 6 * factor, 5 * factor, 2)
    output = apply(x, factor)
    np.testing.assert_allclose(apply(x[:, ::-1], factor), output[:, ::-1], atol=1e-6)
    turned = apply(x.swapaxes(1, 2), factor)
    np.testing.assert_allclose(turned, output.swapaxes(1, 2), atol=1e-6)


def test_the_precision_of_the_input_is_kept():
    x = keras.ops.cast(uniform(1, 8, 8, 1), "float16")
    assert downsample(x, 2).dtype == "float16"


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_the_box_is_the_mean_of_a_block(factor):
    x = np.random.default_rng(1).uniform(size=(1, 4 * factor, 3 * factor, 2))
    blocks = x.reshape(1, 4, factor, 3, factor, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(
        apply(x.astype("float32"), factor, "box"), blocks, atol=1e-6
    )


@pytest.mark.parametrize("kernel", ["bicubic", "box", "lanczos3"])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_filters_that_pillow_has_are_pillows(kernel, factor):
    filters = Image.Resampling
    theirs = {"bicubic": filters.BICUBIC, "box": filters.BOX}.get(
        kernel, filters.LANCZOS
    )
    x = uniform(12 * factor, 10 * factor, seed=1)
    small = Image.fromarray(x).resize((10, 12), theirs)
    ours = apply(x[np.newaxis, ..., np.newaxis], factor, kernel)[0, ..., 0]
    # At the borders Pillow leaves out what we repeat.
    inside = (slice(3, -3),) * 2
    np.testing.assert_allclose(ours[inside], np.asarray(small)[inside], atol=1e-5)


def test_the_gaussian_has_half_a_coarse_pixel():
    profile = downsampling_kernel(9, "gauss").sum(axis=0)
    distance = (np.arange(len(profile)) - (len(profile) - 1) / 2) / 9
    deviation = np.sqrt((profile * distance**2).sum())
    assert deviation == pytest.approx(0.5, rel=0.01)


def test_an_unknown_kernel():
    with pytest.raises(ValueError, match=r"a kernel of lanczos2, .* Received: 'cubic'"):
        downsampling_kernel(2, "cubic")
