"""The U-Net that the Deep Image Prior paper compares with the skip network.

Halving by the largest of four pixels, twice a 3x3 convolution at each scale, and on the
way back a doubling joined with what the same scale had on the way down (Ronneberger,
Fischer and Brox, MICCAI 2015). As in the reference, only the way down is normalised::

    x -- conv conv --------------------------------------- concat -- conv conv -- 1x1
                  `-- halve -- conv conv -- (deeper) -- double -'
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dip.models.blocks import Blocks, check_choice, picture_from

TRANSPOSED = "transposed"
UPSAMPLINGS = (TRANSPOSED, "nearest", "bilinear")


def build_unet(
    image_size: tuple[int, int],
    *,
    input_channels: int = 1,
    output_channels: int = 3,
    scale_channels: Sequence[int] = (8, 16, 32, 64, 128, 128),
    upsampling: str = TRANSPOSED,
    normalisation: str = "instance",
    padding: str = "zero",
    activation: str = "relu",
    sigmoid: bool = True,
    use_bias: bool = True,
    dtype: Any = None,
    seed: int = 0,
    name: str = "unet",
) -> keras.Model:
    """Build the U-Net for pictures of any size; the defaults are the published ones.

    The network runs on `latent_size(...)` and crops its output to `image_size` inside.

    Args:
        image_size: height and width of the output in pixels.
        input_channels: channels of z.
        output_channels: channels of the picture.
        scale_channels: channels of each scale, finest first; the picture is halved
            between two of them. The reference's feature scale s and m more layers are
            (64/s, 128/s, 256/s, 512/s, 1024/s) and m times 1024/s more.
        upsampling: "transposed" (a transposed 4x4 convolution), or "nearest" or
            "bilinear" with a 3x3 convolution after it.
        normalisation: "instance", "batch" or "none".
        padding: "zero" or "reflect".
        activation: "relu", "leaky_relu" (slope 0.2), "swish", "elu" or "none".
        sigmoid: whether the output passes through a sigmoid, into (0, 1).
        use_bias: whether convolutions have biases; transposed ones always do.
        dtype: a Keras dtype policy; None for the global one. The output is float32.
        seed: seed of the weights.
        name: name of the model.

    Returns:
        A functional model from z [n, h, w, input_channels] to a picture
        [n, height, width, output_channels], float32.

    Raises:
        ValueError: if an option is none of the above, or there is but one scale.
    """
    check_choice("upsampling", upsampling, UPSAMPLINGS)
    if len(scale_channels) < 2:
        raise ValueError(
            f"Expected scale_channels of 2 or more scales. Received: {scale_channels!r}"
        )
    blocks = Blocks(padding, activation, use_bias, dtype, seed, normalisation)

    def double(x: Any, filters: int, here: str) -> Any:
        if upsampling == TRANSPOSED:
            return blocks.transposed_conv(x, filters, f"{here}_double")
        x = blocks.upsample(x, upsampling, here)
        return blocks.conv(x, filters, 3, f"{here}_double")

    def scale(x: Any, i: int) -> Any:
        here, filters = f"scale{i}", scale_channels[i]
        x = blocks.pool(x, here) if i else x
        for part in ("down0", "down1"):
            x = blocks.conv_norm_act(x, filters, 3, f"{here}_{part}")
        if i + 1 == len(scale_channels):
            return x
        deep = double(scale(x, i + 1), filters, here)
        x = blocks.concat(deep, x, here)
        for part in (f"{here}_up0", f"{here}_up1"):
            x = blocks.activate(blocks.conv(x, filters, 3, part), part)
        return x

    size = latent_size(image_size, len(scale_channels))
    z = keras.Input((*size, input_channels), name="z", dtype="float32")
    x = blocks.conv(scale(z, 0), output_channels, 1, "output")
    return keras.Model(z, picture_from(x, image_size, sigmoid=sigmoid), name=name)


def latent_size(image_size: tuple[int, int], scales: int) -> tuple[int, int]:
    """Return the height and width that the network runs on.

    They are the next multiples that can be halved between all scales, with two pixels
    left on a side for the statistics of the deepest normalisation.
    """
    step = 2 ** (scales - 1)
    height, width = (max(2 * step, -(-int(s) // step) * step) for s in image_size)
    return height, width
