"""Layers and updates that TensorFlow has as one operation and `keras.ops` as many.

This is the one file of the networks that looks at the backend. JAX on a GPU has forms
of its own in `models.fused_jax`; elsewhere each piece falls back to what Keras does.
"""

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from keras_dip.models.hardware import cpu_flags, is_x86

WIDE = 2**15
"""Weights of a convolution from which on oneDNN needs help where AVX-512 is missing."""

LANES = 16
"""oneDNN is quick at normalising 16-bit numbers in multiples of so many channels; with
others it takes ten times as long as with 32 bits."""


def _tensorflow() -> Any:
    """Return the module tensorflow if it is Keras' backend, else None."""
    if keras.config.backend() != "tensorflow":
        return None
    import tensorflow

    return tensorflow


def _jax_forms() -> Any:
    """Return `models.fused_jax` if Keras computes with JAX on a GPU, else None.

    On a CPU XLA's own are quicker, by a third of a step.
    """
    if keras.config.backend() != "jax":
        return None
    import jax

    # A CPU can be asked for where there is a GPU, too.
    asked = jax.config.jax_default_device
    if getattr(asked, "platform", asked or jax.default_backend()) == "cpu":
        return None
    from keras_dip.models import fused_jax

    return fused_jax


@keras.saving.register_keras_serializable(package="keras_dip")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over [n, h, w, c] as one fused operation in training.

    The same numbers as `keras.layers.BatchNormalization(epsilon=1e-5)`: biased variance
    for the output and for the moving statistics. In a fit of one picture the batch
    statistics are always used; `write_statistics` fixes them before an export.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        """Take the arguments of Keras' layer; epsilon is PyTorch's by default."""
        super().__init__(epsilon=epsilon, **kwargs)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise, with the batch's own statistics when training."""
        tf, jax_forms = _tensorflow(), _jax_forms()
        is_plain = mask is None and self.center and self.scale
        is_nhwc = len(inputs.shape) == 4 and self.axis in (-1, 3)
        if not (training and is_plain and is_nhwc):
            return super().call(inputs, training=training, mask=mask)
        if jax_forms is not None:
            outputs, mean, variance = jax_forms.normalise(
                inputs, self.gamma.value, self.beta.value, self.epsilon
            )
            if self.momentum < 1.0:
                self._move(self.moving_mean, mean)
                self._move(self.moving_variance, variance)
            return outputs
        if tf is None:
            return super().call(inputs, training=training, mask=mask)
        is_odd = inputs.shape[-1] % LANES and not tf.config.list_physical_devices("GPU")
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=tf.cast(inputs, "float32") if is_odd else inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=tf.zeros_like(self.gamma),
            variance=tf.zeros_like(self.gamma),
            epsilon=self.epsilon,
            is_training=True,
        )
        if self.momentum < 1.0:
            # The operation reports the unbiased variance; undo Bessel's correction.
            count = tf.cast(tf.size(inputs) / inputs.shape[-1], variance.dtype)
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance * (count - 1) / count)
        return tf.cast(outputs, inputs.dtype)

    def _move(self, average: Any, value: Any) -> None:
        average.assign(average * self.momentum + value * (1.0 - self.momentum))


def gpu_has_bfloat16() -> bool:
    """Return whether every GPU has tensor cores for bfloat16.

    NVIDIA's have from compute capability 8.0 on; of others nothing is known.
    """
    if keras.config.backend() == "jax":
        import jax

        told = [getattr(gpu, "compute_capability", "") for gpu in jax.devices()]
        # Of others than NVIDIA's it is the name of a chip, such as "gfx942".
        return all(re.match(r"[89]\.|\d\d+\.", str(number)) for number in told)
    tf = _tensorflow()
    if tf is None:
        return False
    details = tf.config.experimental.get_device_details
    found = [details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return bool(found) and all(
        gpu.get("compute_capability", (0, 0)) >= (8, 0) for gpu in found
    )


@keras.saving.register_keras_serializable(package="keras_dip")
class Conv2D(keras.layers.Conv2D):
    """A valid convolution, through `convolve` where that is possible."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolve [n, h, w, c]."""
        rows, columns = self.strides
        is_plain = (*self.dilation_rate, self.groups) == (1,) * 3
        if not is_plain or rows != columns or self.padding != "valid":
            return super().call(inputs)
        kernel = keras.ops.cast(self.kernel, self.compute_dtype)
        outputs = convolve(inputs, kernel, training, stride=rows)
        if self.use_bias:
            outputs = add_bias(outputs, self.bias)
        return self.activation(outputs)


def add_bias(x: Any, bias: Any) -> Any:
    """Add the variable [c] to the channels of [n, h, w, c]."""
    jax_forms = _jax_forms()
    if jax_forms is not None:
        return jax_forms.add_bias(x, bias.value)
    return x + keras.ops.cast(bias, x.dtype)


def convolve(
    x: Any, kernel: Any, training: bool | None = None, *, stride: int = 1
) -> Any:
    """Convolve [n, h, w, c] with [k, k, c, d], valid.

    On processors without AVX-512, oneDNN multiplies matrices in the convolution itself
    and in the gradient of its kernel, at a fifth of the speed (and from 480 x 480
    pixels with 128 channels on it hangs), where the gradient of the input is fast. A
    wide convolution is then computed as such a gradient, with the kernel turned round,
    and the kernel's gradient by one matrix product for each of its pixels.
    """
    tf, jax_forms = _tensorflow(), _jax_forms()
    if jax_forms is not None:
        return jax_forms.convolve(x, kernel, stride)
    is_wide = min(kernel.shape[:2]) > 1 and math.prod(kernel.shape) >= WIDE
    if tf is None or stride > 1 or not is_wide or not wide_convolutions_are_slow():
        return keras.ops.conv(
            x, kernel, stride, padding="valid", data_format="channels_last"
        )
    if not (training or tf.executing_eagerly()):  # the export: ONNX has convolutions
        return tf.nn.conv2d(x, kernel, 1, "VALID")
    return _convolve_wide(x, kernel)


def wide_convolutions_are_slow() -> bool:
    """Return whether oneDNN convolves here, on a processor without AVX-512.

    Where there is a GPU, TensorFlow is left alone: it may not run here at all.
    """
    tf = _tensorflow()
    by_onednn = is_x86() and os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1"
    if tf is None or not by_onednn or tf.config.list_physical_devices("GPU"):
        return False
    return "avx512f" not in cpu_flags()


def _convolve_wide(x: Any, kernel: Any) -> Any:
    tf = _tensorflow()
    rows, columns, channels, filters = kernel.shape
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    before, after = (rows - 1,) * 2, (columns - 1,) * 2

    @tf.custom_gradient
    def convolve_wide(x: Any, kernel: Any) -> Any:
        outputs = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=[tf.shape(x)[0], height, width, filters],
            filter=tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2]),
            out_backprop=x,
            strides=[1, 1, 1, 1],
            padding="EXPLICIT",
            explicit_paddings=[0, 0, *before, *after, 0, 0],
        )

        def gradient(change: Any) -> tuple[Any, Any]:
            inputs_change = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x),
                filter=kernel,
                out_backprop=change,
                strides=[1, 1, 1, 1],
                padding="VALID",
            )
            flat = tf.reshape(change, (-1, filters))
            products = [
                tf.linalg.matmul(
                    tf.reshape(
                        tf.slice(x, (0, i, j, 0), (-1, height, width, channels)),
                        (-1, channels),
                    ),
                    flat,
                    transpose_a=True,
                )
                for i in range(rows)
                for j in range(columns)
            ]
            return inputs_change, tf.reshape(tf.stack(products), kernel.shape)

        return outputs, gradient

    return convolve_wide(x, kernel)


def inner_depth_to_space(x: Any) -> Any:
    """Put four blocks of channels side by side, less one pixel on every side.

    [n, h, w, 4 c] becomes [n, 2 h - 2, 2 w - 2, c]; block 2 p + q is row p, column q of
    each doubled pixel (Shi et al., CVPR 2016).
    """
    _, height, width, channels = x.shape
    tf, ops, c = _tensorflow(), keras.ops, channels // 4
    if tf is not None:
        x = tf.nn.depth_to_space(x, 2)
        # The gradient of tf.slice is a parallel padding, that of x[...] is not.
        return tf.slice(x, (0, 1, 1, 0), (-1, 2 * height - 2, 2 * width - 2, c))
    x = ops.reshape(x, (-1, height, width, 2, 2, c))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, 2 * height, 2 * width, c))[:, 1:-1, 1:-1]


def write_statistics(network: keras.Model, z: Any) -> None:
    """Write the batch statistics of one pass of `z` into every batch normalisation.

    Afterwards `network(z, training=False)` gives the picture that
    `network(z, training=True)` gives, and the network can be exported.
    """
    with momentum(network, 0.0):
        network(z, training=True)


@contextmanager
def momentum(network: keras.Model, share: float) -> Iterator[None]:
    """Give all batch normalisations a momentum for their moving statistics, meanwhile.

    With 1.0 these stay as they are, as while a network is fitted: no step reads them,
    and their updates would be a tenth of a step's graph. With 0.0 they become those of
    the next pass.
    """
    layers = [
        layer
        for layer in all_layers(network)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    before = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = share
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.momentum = own


def all_layers(model: Any) -> list[Any]:
    """Return the layers of a model and of the models nested in it."""
    nested = [all_layers(x) for x in model.layers if hasattr(x, "layers")]
    return [*model.layers, *(layer for layers in nested for layer in layers)]


@keras.saving.register_keras_serializable(package="keras_dip")
class RandomUniform(keras.initializers.RandomUniform):
    """Uniform weights as Keras draws them; with JAX and a plain seed as NumPy does.

    JAX would compile a function for each shape, a quarter of a second each.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Return a tensor of the shape."""
        if keras.config.backend() != "jax" or not isinstance(self.seed, int):
            return super().__call__(shape, dtype)
        generator = np.random.default_rng(self.seed)
        drawn = generator.uniform(self.minval, self.maxval, tuple(shape))
        return keras.ops.convert_to_tensor(drawn.astype("float32"), dtype)


@keras.saving.register_keras_serializable(package="keras_dip")
class Adam(keras.optimizers.Adam):
    """Adam with epsilon added to the corrected second moment's root, as PyTorch does.

    Keras adds epsilon before the bias correction; with epsilon 1e-8 the first steps of
    a fit then differ. One fused operation per variable in TensorFlow.
    """

    def __init__(
        self, learning_rate: Any = 0.001, epsilon: float = 1e-8, **kwargs: Any
    ) -> None:
        """Take the arguments of Keras' Adam; epsilon is PyTorch's by default."""
        super().__init__(learning_rate=learning_rate, epsilon=epsilon, **kwargs)
        if self.amsgrad:
            raise ValueError("Expected Adam without amsgrad. Received: amsgrad=True")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable (Kingma and Ba, 2015, algorithm 1)."""
        ops = keras.ops
        dtype = variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        rate = ops.cast(learning_rate, dtype)
        beta_1_power = ops.power(ops.cast(self.beta_1, dtype), step)
        beta_2_power = ops.power(ops.cast(self.beta_2, dtype), step)
        epsilon = self.epsilon * ops.sqrt(1 - beta_2_power)
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        tf = _tensorflow()
        if tf is not None:
            tf.raw_ops.ResourceApplyAdam(
                var=_handle(variable),
                m=_handle(momentum),
                v=_handle(velocity),
                beta1_power=beta_1_power,
                beta2_power=beta_2_power,
                lr=rate,
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=epsilon,
                grad=ops.cast(gradient, dtype),
            )
            return
        rate = rate * ops.sqrt(1 - beta_2_power) / (1 - beta_1_power)
        self.assign_add(momentum, (gradient - momentum) * (1 - self.beta_1))
        self.assign_add(velocity, (gradient * gradient - velocity) * (1 - self.beta_2))
        self.assign_sub(variable, rate * momentum / (ops.sqrt(velocity) + epsilon))


def _handle(variable: Any) -> Any:
    """Return the resource of a Keras or a TensorFlow variable."""
    inner = variable.value if isinstance(variable, keras.Variable) else variable
    return inner.handle
