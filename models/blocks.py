"""The pieces that the networks are made of, as the reference implementation has them.

Weights *and biases* of a convolution are drawn from U(-b, b), b = 1/sqrt(fan_in);
padding is (k - 1)/2 pixels on all four sides before a valid convolution; activations
follow batch normalisation. `Blocks` holds what is the same all over one network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_dip.models.fused import BatchNormalization, Conv2D, RandomUniform
from keras_dip.models.merge import NearestMergeConv2D

PADDINGS = ("reflect", "zero")
ACTIVATIONS = ("leaky_relu", "relu", "swish", "elu", "none")
NORMALISATIONS = ("batch", "instance", "none")
DOWNSAMPLINGS = ("stride", "avg", "max", "lanczos2", "lanczos3")
UPSAMPLINGS = ("nearest", "bilinear")


@keras.saving.register_keras_serializable(package="keras_dip")
class ReflectionPadding2D(layers.Layer):
    """Pad height and width by `padding` pixels, mirrored without repeating the edge."""

    def __init__(self, padding: int, **kwargs: Any) -> None:
        """Set the number of pixels on each side."""
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs: Any) -> Any:
        """Pad [n, h, w, c] to [n, h + 2 padding, w + 2 padding, c]."""
        side = (self.padding, self.padding)
        return ops.pad(inputs, ((0, 0), side, side, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[Any, ...]:
        """Return the padded shape."""
        n, height, width, c = input_shape
        grown = [None if s is None else s + 2 * self.padding for s in (height, width)]
        return (n, *grown, c)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package="keras_dip")
class InstanceNormalization(layers.Layer):
    """Give each channel of each picture mean 0 and variance 1; there are no weights.

    The mean is taken away before anything is multiplied, which Keras' group
    normalisation does not, and loses digits.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        """Set what is added to the variance; PyTorch's by default."""
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs: Any) -> Any:
        """Normalise [n, h, w, c], in float32."""
        x = ops.cast(inputs, "float32")
        x = x - ops.mean(x, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(x), axis=(1, 2), keepdims=True)
        return ops.cast(x * ops.rsqrt(variance + self.epsilon), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="keras_dip")
class LanczosDownsampling2D(layers.Layer):
    """Halve height and width with a fixed Lanczos kernel."""

    def __init__(self, kernel: str, **kwargs: Any) -> None:
        """Set the kernel, "lanczos2" or "lanczos3"."""
        super().__init__(**kwargs)
        self.kernel = kernel

    def call(self, inputs: Any) -> Any:
        """Downsample [n, h, w, c] to [n, h / 2, w / 2, c]."""
        from keras_dip.ops.downsample import downsample

        return downsample(inputs, 2, self.kernel)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[Any, ...]:
        """Return the halved shape."""
        n, height, width, c = input_shape
        return (n, *(None if s is None else -(-s // 2) for s in (height, width)), c)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "kernel": self.kernel}


@dataclass
class Blocks:
    """Makes convolution blocks that share padding, activation, bias, dtype and seed.

    `normalisation` is "batch"; "instance" (each picture and channel by itself, without
    weights, as PyTorch's by default); or "none".
    """

    padding: str
    activation: str
    use_bias: bool
    dtype: Any
    seed: int
    normalisation: str = "batch"
    _seeds: Any = field(init=False)

    def __post_init__(self) -> None:
        """Start the stream of seeds, one for each drawing of weights."""
        check_choice("padding", self.padding, PADDINGS)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("normalisation", self.normalisation, NORMALISATIONS)
        self._seeds = np.random.default_rng(self.seed)

    def conv(
        self,
        x: Any,
        filters: int,
        kernel_size: int,
        name: str,
        down: str | None = None,
        *,
        padding: str | None = None,
        use_bias: bool | None = None,
    ) -> Any:
        """Pad and convolve; `down` halves the size in the given way.

        `padding` and `use_bias` are those of all blocks where they are None.
        """
        padding = self.padding if padding is None else padding
        if padding == "reflect" and kernel_size > 1:
            pad = (kernel_size - 1) // 2
            x = ReflectionPadding2D(pad, dtype=self.dtype, name=f"{name}_pad")(x)
        elif kernel_size > 1:
            x = layers.ZeroPadding2D(
                (kernel_size - 1) // 2, dtype=self.dtype, name=f"{name}_pad"
            )(x)
        bound = 1 / np.sqrt(kernel_size**2 * x.shape[-1])
        x = Conv2D(
            filters,
            kernel_size,
            strides=2 if down == "stride" else 1,
            use_bias=self.use_bias if use_bias is None else use_bias,
            kernel_initializer=self._uniform(bound),
            bias_initializer=self._uniform(bound),
            dtype=self.dtype,
            name=f"{name}_conv",
        )(x)
        return x if down in (None, "stride") else self._halve(x, down, f"{name}_{down}")

    def norm(self, x: Any, name: str) -> Any:
        """Normalise each channel."""
        if self.normalisation == "none":
            return x
        if self.normalisation == "instance":
            return InstanceNormalization(dtype=self.dtype, name=f"{name}_norm")(x)
        return BatchNormalization(dtype=self.dtype, name=f"{name}_norm")(x)

    def conv_norm_act(
        self, x: Any, filters: int, kernel_size: int, name: str, down: str | None = None
    ) -> Any:
        """Convolve, normalise and activate."""
        return self.norm_act(self.conv(x, filters, kernel_size, name, down), name)

    def norm_act(self, x: Any, name: str) -> Any:
        """Normalise and activate."""
        return self.activate(self.norm(x, name), name)

    def nearest_merge(
        self, skip: Any, deep: Any, filters: int, name: str, *, norm: bool
    ) -> Any:
        """Normalise skip and deep, and convolve both, `deep` doubled to nearest."""
        parts = [deep] if skip is None else [skip, deep]
        if norm:
            # Doubling every pixel changes neither their mean nor their variance.
            names = (f"{name}_merge_skip", f"{name}_merge_deep")[-len(parts) :]
            parts = [self.norm(x, n) for x, n in zip(parts, names, strict=True)]
        bound = 1 / np.sqrt(9 * sum(x.shape[-1] for x in parts))
        return NearestMergeConv2D(
            filters,
            padding=self.padding,
            use_bias=self.use_bias,
            kernel_initializer=self._uniform(bound),
            bias_initializer=self._uniform(bound),
            dtype=self.dtype,
            name=f"{name}_up_conv",
        )(parts)

    def upsample(self, x: Any, interpolation: str, name: str) -> Any:
        """Double height and width."""
        return layers.UpSampling2D(
            2, interpolation=interpolation, dtype=self.dtype, name=f"{name}_upsample"
        )(x)

    def concat(self, first: Any, second: Any, name: str) -> Any:
        """Join two tensors along their channels."""
        return layers.Concatenate(dtype=self.dtype, name=f"{name}_concat")(
            [first, second]
        )

    def transposed_conv(self, x: Any, filters: int, name: str) -> Any:
        """Double height and width by a transposed 4x4 convolution, always with bias.

        PyTorch takes the weights' second axis, here the filters, for their inputs.
        """
        bound = 1 / np.sqrt(4**2 * filters)
        return layers.Conv2DTranspose(
            filters,
            4,
            strides=2,
            padding="same",
            kernel_initializer=self._uniform(bound),
            bias_initializer=self._uniform(bound),
            dtype=self.dtype,
            name=f"{name}_conv",
        )(x)

    def add(self, first: Any, second: Any, name: str) -> Any:
        """Add two tensors."""
        return layers.Add(dtype=self.dtype, name=f"{name}_add")([first, second])

    def pool(self, x: Any, name: str) -> Any:
        """Halve height and width by the largest of four pixels."""
        return self._halve(x, "max", f"{name}_max")

    def activate(self, x: Any, name: str) -> Any:
        """Apply the activation."""
        if self.activation == "none":
            return x
        if self.activation == "leaky_relu":
            return layers.LeakyReLU(0.2, dtype=self.dtype, name=f"{name}_act")(x)
        return layers.Activation(self.activation, dtype=self.dtype, name=f"{name}_act")(
            x
        )

    def _halve(self, x: Any, down: str, name: str) -> Any:
        if down == "avg":
            return layers.AveragePooling2D(2, dtype=self.dtype, name=name)(x)
        if down == "max":
            return layers.MaxPooling2D(2, dtype=self.dtype, name=name)(x)
        return LanczosDownsampling2D(down, dtype=self.dtype, name=name)(x)

    def _uniform(self, bound: float) -> keras.initializers.Initializer:
        seed, bound = int(self._seeds.integers(2**31)), float(bound)
        return RandomUniform(-bound, bound, seed=seed)


def picture_from(x: Any, image_size: tuple[int, int], *, sigmoid: bool) -> Any:
    """Return the middle of [n, h, w, c] of `image_size` pixels as float32 picture.

    `sigmoid` takes it into (0, 1).
    """
    size = x.shape[1:3]
    final = "sigmoid" if sigmoid else "linear"
    x = layers.Activation(final, dtype="float32", name="image")(x)
    if tuple(size) == tuple(image_size):
        return x
    crop = [(s - t) // 2 for s, t in zip(size, image_size, strict=True)]
    rest = [s - t - c for s, t, c in zip(size, image_size, crop, strict=True)]
    sides = ((crop[0], rest[0]), (crop[1], rest[1]))
    return layers.Cropping2D(sides, dtype="float32", name="crop")(x)


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> Any:
    """Return `value`, or raise ValueError unless it is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"Expected {name} to be one of {', '.join(map(repr, choices))}. "
            f"Received: {value!r}"
        )
    return value


def per_scale(name: str, value: Any, scales: int) -> tuple[Any, ...]:
    """Return one value per scale from a single value or a sequence of them.

    Raises:
        ValueError: if a sequence has another length than the number of scales.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        return (value,) * scales
    if len(value) != scales:
        raise ValueError(
            f"Expected {name} as one value or one for each of {scales} scales. "
            f"Received: {value!r}"
        )
    return tuple(value)
