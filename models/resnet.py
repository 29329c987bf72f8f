"""The ResNet that the Deep Image Prior paper compares with the skip network.

Every layer works at the size of the picture (He et al., CVPR 2016, without the last
activation of a block)::

    x -- conv act -- [ conv norm act conv norm, plus its input ] -- conv norm -- conv
"""

from typing import Any

import keras

from keras_dip.models.blocks import Blocks, picture_from


def build_resnet(
    image_size: tuple[int, int],
    *,
    input_channels: int = 1,
    output_channels: int = 3,
    blocks: int = 8,
    block_channels: int = 32,
    residual: bool = True,
    padding: str = "reflect",
    activation: str = "leaky_relu",
    sigmoid: bool = True,
    dtype: Any = None,
    seed: int = 0,
    name: str = "resnet",
) -> keras.Model:
    """Build the ResNet for pictures of any size; the defaults are the published ones.

    Args:
        image_size: height and width of the output in pixels.
        input_channels: channels of z.
        output_channels: channels of the picture.
        blocks: number of residual blocks.
        block_channels: channels of all layers between z and the picture.
        residual: whether a block adds its input to its output.
        padding: of the first and the last convolution, "reflect" or "zero"; those
            between are padded with zeros.
        activation: "leaky_relu" (slope 0.2), "relu", "swish", "elu" or "none".
        sigmoid: whether the output passes through a sigmoid, into (0, 1).
        dtype: a Keras dtype policy; None for the global one. The output is float32.
        seed: seed of the weights.
        name: name of the model.

    Returns:
        A functional model from z [n, h, w, input_channels] to a picture
        [n, height, width, output_channels], float32. z is of the picture's size, at
        least 2x2 pixels.

    Raises:
        ValueError: if an option is none of the above.
    """
    make = Blocks(padding, activation, True, dtype, seed)
    size = tuple(max(2, int(side)) for side in image_size)  # a pixel has no mirror

    def conv(x: Any, here: str, *, use_bias: bool = False) -> Any:
        return make.conv(x, block_channels, 3, here, padding="zero", use_bias=use_bias)

    z = keras.Input((*size, input_channels), name="z", dtype="float32")
    x = make.activate(make.conv(z, block_channels, 3, "first"), "first")
    for i in range(blocks):
        here = f"block{i}"
        inner = make.norm_act(conv(x, f"{here}_in"), f"{here}_in")
        inner = make.norm(conv(inner, f"{here}_out"), f"{here}_out")
        x = make.add(inner, x, here) if residual else inner
    x = make.norm(conv(x, "last", use_bias=True), "last")
    x = make.conv(x, output_channels, 3, "output")
    return keras.Model(z, picture_from(x, image_size, sigmoid=sigmoid), name=name)
