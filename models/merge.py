"""The convolution after an upsampling to the nearest pixel, at the lower resolution.

A 3x3 kernel on a picture whose pixels were doubled sees only 2x2 different pixels. In
each of the four positions within a doubled pixel (the phases of Shi et al., CVPR 2016)
the nine taps therefore add up to four: row 2i sees the rows i-1 and i, row 2i+1 the
rows i and i+1. The same function of the same kernel costs 4/9 of the multiplications,
and the doubled picture is never made.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_dip.models.fused import add_bias, convolve, inner_depth_to_space

# [phase, tap of two, tap of three]: which taps fall on the same pixel. The second phase
# comes first: the four positions around a corner of the low-resolution pixels are
# computed together, so that one row and column too many stand on every side.
_TAPS = np.array(
    [[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]],
    dtype="float32",
)


@keras.saving.register_keras_serializable(package="keras_dip")
class NearestMergeConv2D(layers.Layer):
    """3x3 convolution of a skip and of a deep picture doubled to its size.

    The same as `concatenate(skip, nearest upsampling of deep)`, padded by one pixel and
    convolved; `inputs` is [skip, deep], or [deep] where there is no skip.
    """

    def __init__(
        self,
        filters: int,
        padding: str = "reflect",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        """Set the number of output channels and the padding, "reflect" or "zero"."""
        super().__init__(**kwargs)
        self.filters = filters
        self.padding = padding
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make the 3x3 kernel over the channels of all inputs."""
        channels = sum(shape[-1] for shape in input_shape)
        self.kernel = self.add_weight(
            shape=(3, 3, channels, self.filters),
            initializer=self.kernel_initializer,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.filters,), initializer=self.bias_initializer, name="bias"
            )

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Convolve to [n, 2h, 2w, filters]."""
        *skip, deep = inputs
        kernel = ops.cast(self.kernel, self.compute_dtype)
        from_deep = kernel.shape[2] - deep.shape[-1]
        x = self._doubled(deep, kernel[:, :, from_deep:], training)
        if skip:
            beside = kernel[:, :, :from_deep]
            x = x + self._conv(skip[0], beside, training, mode="reflect")
        return x if self.bias is None else add_bias(x, self.bias)

    def _doubled(self, deep: Any, kernel: Any, training: bool | None) -> Any:
        """Convolve the doubled [n, h, w, c]: four phases, then put side by side."""
        channels = deep.shape[-1]
        taps = ops.cast(_TAPS, kernel.dtype)
        kernel = ops.einsum("pai,qbj,ijcf->abcpqf", taps, taps, kernel)
        kernel = ops.reshape(kernel, (2, 2, channels, 4 * self.filters))
        # The mirrored second pixel of the doubled picture is its first: the edge.
        phases = self._conv(deep, kernel, training, mode="symmetric")
        return inner_depth_to_space(phases)

    def _conv(self, x: Any, kernel: Any, training: bool | None, mode: str) -> Any:
        mode = "constant" if self.padding == "zero" else mode
        x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)
        return convolve(x, kernel, training)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[Any, ...]:
        """Return the doubled size of the deep input."""
        n, height, width, _ = input_shape[-1]
        return (n, 2 * height, 2 * width, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
