"""No network at all: the unknown is the picture itself.

The conventional approach minimises E(x; x0) + R(x) over the pixels x; the deep image
prior minimises E(f(z); x0) over the weights of f (Ulyanov et al., CVPR 2018, equations
1 and 2). Here the picture is a weight, so that both go through the same fit.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from keras_dip.models.fused import RandomUniform

START = (0.45, 0.55)
"""The first picture is grey with noise of the seed between these."""


@keras.saving.register_keras_serializable(package="keras_dip")
class Pixels(layers.Layer):
    """A picture that is a weight; the input gives nothing but the batch.

    Args:
        shape: height, width and channels.
        initializer: of the picture.

    Always float32: in a picture that is stored, not computed, bfloat16 would round to
    2^-8, one grey level of 255.
    """

    def __init__(
        self, shape: Sequence[int], initializer: Any = "zeros", **kwargs: Any
    ) -> None:
        """Set the shape and the start."""
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.picture_shape = tuple(int(side) for side in shape)
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make the weight."""
        del input_shape
        self.picture = self.add_weight(
            shape=self.picture_shape, initializer=self.initializer, name="picture"
        )

    def call(self, inputs: Any) -> Any:
        """Return the picture once for each of [n, h, w, c]."""
        # Zero for every z, in a form that no graph optimiser sees through: z stays an
        # input of the ONNX file.
        nothing = ops.relu(-ops.abs(ops.mean(inputs, axis=(1, 2, 3), keepdims=True)))
        return self.picture + nothing

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[Any, ...]:
        """Return the shape of the pictures."""
        return (input_shape[0], *self.picture_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "shape": self.picture_shape,
            "initializer": keras.initializers.serialize(self.initializer),
        }


def build_pixels(
    image_size: tuple[int, int],
    *,
    input_channels: int = 1,
    output_channels: int = 3,
    dtype: Any = None,
    seed: int = 0,
    name: str = "pixels",
) -> keras.Model:
    """Build the model whose output is a weight, whatever z is.

    There is no sigmoid: E is then a function of the pixels as the textbooks have it
    (for noise a parabola), and black and white can be reached. A fit clips the picture
    to [0, 1] when it is done.

    Args:
        image_size: height and width of the output in pixels.
        input_channels: channels of z, which is one pixel.
        output_channels: channels of the picture.
        dtype: of no meaning; the picture is float32 (`Pixels`).
        seed: seed of the faint noise in the first, grey picture.
        name: name of the model.

    Returns:
        A functional model from z [n, 1, 1, input_channels] to a picture
        [n, height, width, output_channels], float32.
    """
    del dtype
    z = keras.Input((1, 1, input_channels), name="z", dtype="float32")
    start = RandomUniform(*START, seed=seed)
    shape = (*image_size, output_channels)
    return keras.Model(z, Pixels(shape, start, name="image")(z), name=name)
