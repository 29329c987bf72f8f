"""The Deep Decoder: fewer weights than the picture has numbers, and no convolutions.

Each layer mixes the channels of a pixel, doubles the picture, and normalises what a
ReLU leaves of it. Where the weights are several times fewer than the picture's numbers,
noise cannot be learnt well, and a fit need not be stopped in time (Heckel and Hand,
"Deep Decoder: Concise Image Representations from Untrained Non-convolutional Networks",
ICLR 2019, equation 1).
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dip.models.decoder import build_decoder


def build_deep_decoder(
    image_size: tuple[int, int],
    *,
    input_channels: int = 128,
    output_channels: int = 3,
    layer_channels: Sequence[int] = (128,) * 6,
    doublings: int | None = None,
    upsampling: str = "bilinear",
    sigmoid: bool = True,
    dtype: Any = None,
    seed: int = 0,
    name: str = "deep_decoder",
) -> keras.Model:
    """Build the Deep Decoder for pictures of any size.

    Args:
        image_size: height and width of the output in pixels.
        input_channels: channels of z.
        output_channels: channels of the picture.
        layer_channels: channels of each layer, that next to z first.
        doublings: how many of the first layers double the picture, at most all but the
            last; None for as many as leave z 8 pixels on its shorter side.
        upsampling: "bilinear" or "nearest".
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
        kernel_size=1,
        input_channels=input_channels,
        output_channels=output_channels,
        layer_channels=layer_channels,
        doublings=doublings,
        upsampling=upsampling,
        padding="zero",
        sigmoid=sigmoid,
        dtype=dtype,
        seed=seed,
        name=name,
    )
