"""What `models.fused` does on JAX, where GPUs are slow with what XLA makes by itself.

Three things are not left to XLA. Sums over pixels go by rows first, and by one block of
the GPU no more. A batch normalisation looks at its input once for both statistics, and
once for both gradients. And the convolutions of several fits at once (`jax.vmap`) are
one convolution with their channels side by side and a kernel of blocks on its diagonal;
XLA's, of groups of channels, is many times slower. The numbers are the same.
"""

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

SIDE_BY_SIDE = {"inputs": 128, "filters": 256}
"""Channels that a convolution of several fits has at most: the zeros beside the blocks
are multiplied too. Wider ones are computed in turn."""


def sum_over_pixels(x: Any) -> Any:
    """Return the sums of [n, h, w, c] over all but the channels, [c]."""
    rows = jax.lax.optimization_barrier(jnp.sum(x, axis=2))  # else XLA joins the sums
    return jnp.sum(rows, axis=(0, 1))


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalise(x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """Normalise the channels of [n, h, w, c]; return that, the means and variances.

    Statistics are float32, and have no gradient of their own.
    """
    return _normalise(x, gamma, beta, epsilon)[0]


def _normalise(x: Any, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, Any]:
    count = x[..., 0].size
    wide = x.astype(gamma.dtype)
    # Any value of the channel, and no odd one of an edge: without it a large mean would
    # leave the variance no digits.
    origin = wide[0, x.shape[1] // 2, x.shape[2] // 2]
    centred = wide - origin
    mean = sum_over_pixels(centred) / count
    square = sum_over_pixels(centred * centred) / count
    variance = jnp.maximum(square - mean * mean, 0)
    mean = mean + origin
    scale = jax.lax.rsqrt(variance + epsilon)
    output = ((wide - mean) * (scale * gamma) + beta).astype(x.dtype)
    return (output, mean, variance), (x, mean, scale, gamma)


def _normalise_back(epsilon: float, kept: Any, changes: Any) -> tuple[Any, Any, Any]:
    x, mean, scale, gamma = kept
    count = x[..., 0].size
    change = changes[0].astype(gamma.dtype)
    normal = (x.astype(gamma.dtype) - mean) * scale
    beta_change = sum_over_pixels(change)
    gamma_change = sum_over_pixels(change * normal)
    back = change - beta_change / count - normal * (gamma_change / count)
    return (back * (gamma * scale)).astype(x.dtype), gamma_change, beta_change


normalise.defvjp(_normalise, _normalise_back)


@jax.custom_vjp
def add_bias(x: Any, bias: Any) -> Any:
    """Add [c] to the channels of [n, h, w, c]."""
    return x + bias.astype(x.dtype)


def _bias_back(bias: Any, change: Any) -> tuple[Any, Any]:
    wide = change.astype(jnp.promote_types(change.dtype, "float32"))
    return change, sum_over_pixels(wide).astype(bias.dtype)


add_bias.defvjp(lambda x, bias: (add_bias(x, bias), bias), _bias_back)


def convolve(x: Any, kernel: Any, stride: int = 1) -> Any:
    """Convolve [n, h, w, c] with [k, k, c, d], valid."""
    return _convolution(stride)(x, kernel)


@lru_cache
def _convolution(stride: int) -> Any:
    """Return a convolution that knows what to do with several fits.

    Its gradient is one of several, too; `jax.vmap` comes last.
    """
    one = partial(_convolve, stride=stride)

    def back(x: Any, kernel: Any, change: Any) -> Any:
        return jax.vjp(one, x, kernel)[1](change)

    def several(xs: Any, kernels: Any) -> Any:
        return _convolve_several(xs, kernels, stride)

    def several_back(xs: Any, kernels: Any, changes: Any) -> Any:
        return jax.vjp(several, xs, kernels)[1](_finite(changes))

    forward = jax.custom_vjp(_batched(one, several))
    forward.defvjp(
        lambda x, kernel: (forward(x, kernel), (x, kernel)),
        lambda kept, change: _batched(back, several_back)(*kept, change),
    )
    return forward


def _batched(one: Any, several: Any) -> Any:
    """Return a function of which `jax.vmap` makes another."""
    function = custom_vmap(one)

    @function.def_vmap
    def rule(count: int, is_batched: Any, *arguments: Any) -> tuple[Any, Any]:
        full = [
            x if has_axis else jnp.broadcast_to(x, (count, *x.shape))
            for x, has_axis in zip(arguments, is_batched, strict=True)
        ]
        results = several(*full)
        return results, jax.tree.map(lambda _: True, results)

    return function


def _convolve(x: Any, kernel: Any, stride: int) -> Any:
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _convolve_several(xs: Any, kernels: Any, stride: int) -> Any:
    """Convolve [m, n, h, w, c] with [m, k, k, c, d], each with its own."""
    inputs, filters = kernels.shape[-2:]
    widest = min(SIDE_BY_SIDE["inputs"] // inputs, SIDE_BY_SIDE["filters"] // filters)
    widest = max(widest, 1)
    parts = [
        _side_by_side(xs[i : i + widest], kernels[i : i + widest], stride)
        for i in range(0, len(xs), widest)
    ]
    return jnp.concatenate(parts)


def _side_by_side(xs: Any, kernels: Any, stride: int) -> Any:
    count, rows, columns, inputs, filters = kernels.shape
    if count == 1:
        return _convolve(xs[0], kernels[0], stride)[jnp.newaxis]
    x = jnp.moveaxis(_finite(xs), 0, 3)
    x = x.reshape(*x.shape[:3], count * inputs)
    block = jnp.moveaxis(kernels, 0, 2)[..., jnp.newaxis, :]
    is_own = jnp.eye(count, dtype=bool)[:, jnp.newaxis, :, jnp.newaxis]
    kernel = jnp.where(is_own, block, 0)
    kernel = kernel.reshape(rows, columns, count * inputs, count * filters)
    output = _convolve(x, kernel, stride)
    output = output.reshape(*output.shape[:3], count, filters)
    return jnp.moveaxis(output, 3, 0)


def _finite(x: Any) -> Any:
    """Return x with 0 for what is not finite: times 0 it would reach the other fits."""
    return jnp.where(jnp.isfinite(x), x, 0)
