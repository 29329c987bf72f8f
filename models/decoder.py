"""What decoders have in common: a small z that is doubled until it is a picture.

There is no way down. The prior is that of the upsampling: what neighbouring pixels have
in common comes for nothing, what they have not costs weights.
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dip.models.blocks import UPSAMPLINGS, Blocks, check_choice, picture_from

LEAST_SIDE = 8
"""Pixels on the shorter side of z that the doublings leave, where they can."""


def build_decoder(
    image_size: tuple[int, int],
    *,
    kernel_size: int,
    input_channels: int,
    output_channels: int,
    layer_channels: Sequence[int],
    doublings: int | None,
    upsampling: str,
    padding: str,
    sigmoid: bool,
    dtype: Any,
    seed: int,
    name: str,
) -> keras.Model:
    """Build layers of doubling, convolution, ReLU and batch normalisation.

    The arguments are those of `build_deep_decoder`, with the side of the kernels.
    """
    check_choice("upsampling", upsampling, UPSAMPLINGS)
    most = len(layer_channels) - 1
    if most < 0:
        raise ValueError("Expected layer_channels of 1 or more layers. Received: none")
    if doublings is None:
        doublings = fitting_doublings(image_size, most)
    if not 0 <= doublings <= most:
        raise ValueError(
            f"Expected doublings from 0 to {most}, one less than there are layers. "
            f"Received: {doublings!r}"
        )
    blocks = Blocks(padding, "relu", False, dtype, seed)
    size = latent_size(image_size, doublings)
    x = z = keras.Input((*size, input_channels), name="z", dtype="float32")
    for i, filters in enumerate(layer_channels):
        here, doubles = f"layer{i}", i < doublings
        if doubles and kernel_size > 1:
            x = blocks.upsample(x, upsampling, here)
        x = blocks.conv(x, filters, kernel_size, here)
        if doubles and kernel_size == 1:
            # A weighted sum of channels is the same before it; there are fewer pixels.
            x = blocks.upsample(x, upsampling, here)
        x = blocks.norm(blocks.activate(x, here), here)
    x = blocks.conv(x, output_channels, 1, "output")
    return keras.Model(z, picture_from(x, image_size, sigmoid=sigmoid), name=name)


def fitting_doublings(image_size: tuple[int, int], most: int) -> int:
    """Return how often z is doubled: so that 8 of its pixels are left on a side.

    With 5 at most, z is then 16x16 for 512x512 pixels, as published.
    """
    fitting = [n for n in range(most + 1) if min(image_size) >= LEAST_SIDE * 2**n]
    return max(fitting, default=0)


def latent_size(image_size: tuple[int, int], doublings: int) -> tuple[int, int]:
    """Return the height and width of z, at least 2 for the batch statistics."""
    height, width = (max(2, -(-int(side) // 2**doublings)) for side in image_size)
    return height, width
