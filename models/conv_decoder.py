"""The ConvDecoder: the Deep Decoder with 3x3 convolutions.

Each layer doubles the picture to the nearest pixel, convolves it, and normalises what a
ReLU leaves of it (Darestani and Heckel, "Accelerated MRI with Un-trained Neural
Networks", IEEE Transactions on Computational Imaging, 2021). It has weights enough to
learn noise, slowly.
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dip.models.decoder import build_decoder


def build_conv_decoder(
    image_size: tuple[int, int],
    *,
    input_channels: int = 64,
    output_channels: int = 3,
    layer_channels: Sequence[int] = (64,) * 6,
    doublings: int | None = None,
    upsampling: str = "nearest",
    padding: str = "zero",
    sigmoid: bool = True,
    dtype: Any = None,
    seed: int = 0,
    name: str = "conv_decoder",
) -> keras.Model:
    """Build the ConvDecoder for pictures of any size.

    It doubles where the original stretches each layer by the same factor, whole or not.

    Args:
        image_size: height and width of the output in pixels.
        input_channels: channels of z.
        output_channels: channels of the picture.
        layer_channels: channels of each layer, that next to z first.
        doublings: how many of the first layers double the picture, at most all but the
            last; None for as many as leave z 8 pixels on its shorter side.
        upsampling: "nearest" or "bilinear".
        padding: "zero" or "reflect".
        sigmoid: whether the output passes through a sigmoid, into (0, 1).
        dtype: a Keras dtype policy; None for the global one. The output is float32.
        seed: seed of the weights.
        name: name of the model.

    Returns:
        A functional model from z [n, h, w, input_channels], which is 2^doublings times
        smaller on a side than the picture, to a picture
        [n, height, width, output_channels], float32.

    Raises:
        ValueError: if an option is none of the above.
    """
    return build_decoder(
        image_size,
        kernel_size=3,
        input_channels=input_channels,
        output_channels=output_channels,
        layer_channels=layer_channels,
        doublings=doublings,
        upsampling=upsampling,
        padding=padding,
        sigmoid=sigmoid,
        dtype=dtype,
        seed=seed,
        name=name,
    )
