"""The forms of JAX beside those of `jax.numpy`; run by test_under_jax.py under JAX."""

import re
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from keras_dip.arguments import device_scope
from keras_dip.models import fused, fused_jax

EPSILON = 1e-5
NAMES = ("x", "kernel", "bias", "gamma", "beta")


def draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), "float32")


def arguments(fits, channels, filters, mean=3.0):
    """Return x, kernel, bias, gamma and beta of several fits."""
    return (
        mean + draw(0, fits, 1, 11, 9, channels),
        draw(1, fits, 3, 3, channels, filters),
        draw(2, fits, filters),
        1 + draw(3, fits, filters),
        draw(4, fits, filters),
    )


def ours(stride, x, kernel, bias, gamma, beta):
    y = fused_jax.add_bias(fused_jax.convolve(x, kernel, stride), bias)
    return read(fused_jax.normalise(y, gamma, beta, EPSILON)[0], bias)


def plain(stride, x, kernel, bias, gamma, beta):
    y = bias + jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    mean, variance = y.mean((0, 1, 2)), y.var((0, 1, 2))
    return read((y - mean) / jnp.sqrt(variance + EPSILON) * gamma + beta, bias)


def read(y, bias):
    """Return a number that every value counts in, and the bias by itself, too."""
    weights = draw(5, *y.shape)
    # Behind a normalisation alone the gradient of a bias is 0.
    return jnp.sum(jnp.sin(y) * weights) + jnp.sum(weights * (y + bias) ** 2)


def gradients(function, stride):
    def loss(*values):
        return function(stride, *values)

    return jax.vmap(jax.value_and_grad(loss, argnums=tuple(range(5))))


# Side by side all at once, in parts of three and one by one (`SIDE_BY_SIDE`).
@pytest.mark.parametrize(
    ("fits", "channels", "filters"), [(1, 6, 7), (4, 6, 7), (4, 40, 20), (4, 8, 260)]
)
@pytest.mark.parametrize("stride", [1, 2])
def test_value_and_gradients_of_several_fits(fits, stride, channels, filters):
    values = arguments(fits, channels, filters)
    value, found = jax.jit(gradients(ours, stride))(*values)
    expected_value, expected = gradients(plain, stride)(*values)
    np.testing.assert_allclose(value, expected_value, rtol=1e-4)
    for name, one, other in zip(NAMES, found, expected, strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(one / scale, other / scale, atol=2e-5, err_msg=name)


def test_several_fits_are_one_convolution_without_groups():
    values = arguments(4, 6, 7)
    text = str(jax.make_jaxpr(gradients(ours, 1))(*values))
    groups = set(re.findall(r"(?:feature|batch)_group_count=(\d+)", text))
    assert groups == {"1"}


@pytest.mark.parametrize("place", [0, 1])
def test_what_fell_apart_does_not_reach_the_others(place):
    values = list(arguments(3, 6, 7))
    _, expected = gradients(ours, 1)(*values)
    values[place] = values[place].at[0].set(np.nan)
    value, found = gradients(ours, 1)(*values)
    assert np.isfinite(value[1:]).all()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[1:], other[1:])


def test_weights_that_fell_apart_are_not_hidden():
    values = list(arguments(3, 6, 7))
    values[1] = values[1].at[0].set(np.nan)
    value, found = gradients(ours, 1)(*values)
    assert np.isnan(value[0]) and np.isnan(found[0][0]).any()


def test_a_large_mean_leaves_the_variance_its_digits():
    x = 1000 + 0.1 * draw(0, 1, 16, 16, 2)
    x = np.asarray(x)
    one = jnp.ones(2)
    _, mean, variance = fused_jax.normalise(jnp.asarray(x), one, 0 * one, EPSILON)
    wide = x.astype("float64")
    np.testing.assert_allclose(mean, wide.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var((0, 1, 2)), rtol=1e-3)


def test_in_bfloat16_statistics_and_gradients_of_weights_are_summed_in_float32():
    x = draw(0, 1, 64, 64, 3).astype("bfloat16")
    gamma, beta = 1 + draw(1, 3), draw(2, 3)

    def loss(gamma, beta):
        output, mean, variance = fused_jax.normalise(x, gamma, beta, EPSILON)
        return jnp.sum(output.astype("float32")), (output, mean, variance)

    found, (output, mean, variance) = jax.grad(loss, argnums=(0, 1), has_aux=True)(
        gamma, beta
    )
    assert output.dtype == "bfloat16"
    wide = np.asarray(x, "float64")
    np.testing.assert_allclose(mean, wide.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(variance, wide.var((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found[1], np.full(3, 64 * 64.0))
    np.testing.assert_allclose(found[0], 0, atol=1e-2)  # of 4096 values of about 1


@pytest.mark.parametrize(
    ("told", "has"),
    [("7.5", False), ("8.0", True), ("9.0", True), ("10.3", True), ("gfx942", False)],
)
def test_which_gpus_have_bfloat16(monkeypatch, told, has):
    gpu = SimpleNamespace(compute_capability=told)
    monkeypatch.setattr(jax, "devices", lambda: [gpu])
    assert fused.gpu_has_bfloat16() is has


def test_a_cpu_beside_a_gpu_has_its_own_forms(monkeypatch):
    cpu = jax.devices("cpu")[0]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert fused._jax_forms() is fused_jax
    with device_scope("cpu"):
        assert jax.config.jax_default_device == cpu
        assert fused._jax_forms() is None
