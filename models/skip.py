"""The encoder-decoder with skip connections of the Deep Image Prior paper.

Each scale halves the picture, refines it, hands it to the next scale, doubles what
comes back, joins it with a 1x1 convolution of the scale's input (the skip), and refines
the whole (Ulyanov et al., supplementary material of CVPR 2018, figure 1)::

    x -- skip conv -----------------------------.
     `-- down conv -- refine conv -- (deeper) -- upsample -- concat -- norm -- up conv
                                                             -- 1x1 conv
"""

from collections.abc import Sequence
from typing import Any

import keras

from keras_dip.models.blocks import (
    DOWNSAMPLINGS,
    UPSAMPLINGS,
    Blocks,
    check_choice,
    per_scale,
    picture_from,
)

PerScale = int | str | Sequence[int] | Sequence[str]


def build_skip(
    image_size: tuple[int, int],
    *,
    input_channels: int = 32,
    output_channels: int = 3,
    down_channels: Sequence[int] = (128, 128, 128, 128, 128),
    up_channels: Sequence[int] = (128, 128, 128, 128, 128),
    skip_channels: Sequence[int] = (4, 4, 4, 4, 4),
    down_kernel_size: int | Sequence[int] = 3,
    up_kernel_size: int | Sequence[int] = 3,
    skip_kernel_size: int = 1,
    upsampling: str | Sequence[str] = "bilinear",
    downsampling: str | Sequence[str] = "stride",
    padding: str = "reflect",
    activation: str = "leaky_relu",
    up_1x1: bool = True,
    sigmoid: bool = True,
    use_bias: bool = True,
    subpixel: bool = False,
    merge_norm: bool = True,
    dtype: Any = None,
    seed: int = 0,
    name: str = "skip",
) -> keras.Model:
    """Build the skip network for pictures of any size.

    The network runs on `latent_size(...)`, the next multiple of 2^scales on each side,
    and crops its output to `image_size` inside.

    Args:
        image_size: height and width of the output in pixels.
        input_channels: channels of z.
        output_channels: channels of the picture.
        down_channels: channels of the encoder, one per scale, finest first.
        up_channels: channels of the decoder, one per scale, finest first.
        skip_channels: channels of the skip connections, 0 for none.
        down_kernel_size: odd side of the encoder's kernels, one or one per scale.
        up_kernel_size: odd side of the decoder's kernels, one or one per scale.
        skip_kernel_size: odd side of the skip connections' kernels.
        upsampling: "bilinear" or "nearest", one or one per scale.
        downsampling: "stride", "avg", "max", "lanczos2" or "lanczos3".
        padding: "reflect" or "zero".
        activation: "leaky_relu" (slope 0.2), "relu", "swish", "elu" or "none".
        up_1x1: whether a 1x1 convolution follows each decoder convolution.
        sigmoid: whether the output passes through a sigmoid, into (0, 1).
        use_bias: whether convolutions have biases.
        subpixel: compute nearest upsampling and the 3x3 convolution after it at once,
            at the lower resolution (`NearestMergeConv2D`): the same function, faster.
        merge_norm: whether what the skip and the deeper scale bring is normalised once
            more before the decoder's convolution.
        dtype: a Keras dtype policy; None for the global one. The output is float32.
        seed: seed of the weights.
        name: name of the model.

    Returns:
        A functional model from z [n, h, w, input_channels] to a picture
        [n, height, width, output_channels], float32.

    Raises:
        ValueError: if an option is none of the above, or lists differ in length.
    """
    scales = len(down_channels)
    per_scale("up_channels", up_channels, scales)
    per_scale("skip_channels", skip_channels, scales)
    down_kernels = _kernels("down_kernel_size", down_kernel_size, scales)
    up_kernels = _kernels("up_kernel_size", up_kernel_size, scales)
    _kernels("skip_kernel_size", skip_kernel_size, 1)
    ups = per_scale("upsampling", upsampling, scales)
    downs = per_scale("downsampling", downsampling, scales)
    for up, down in zip(ups, downs, strict=True):
        check_choice("upsampling", up, UPSAMPLINGS)
        check_choice("downsampling", down, DOWNSAMPLINGS)
    if subpixel and (set(ups) != {"nearest"} or set(up_kernels) != {3}):
        raise ValueError(
            "Expected nearest upsampling and an up_kernel_size of 3 beside subpixel. "
            f"Received: {upsampling!r} and {up_kernel_size!r}"
        )
    blocks = Blocks(padding, activation, use_bias, dtype, seed)
    size = latent_size(image_size, down_kernels, up_kernels)

    def scale(x: Any, i: int) -> Any:
        here = f"scale{i}"
        skip = None
        if skip_channels[i]:
            skip = blocks.conv_norm_act(
                x, skip_channels[i], skip_kernel_size, f"{here}_skip"
            )
        kernel = down_kernels[i]
        x = blocks.conv_norm_act(x, down_channels[i], kernel, f"{here}_down", downs[i])
        x = blocks.conv_norm_act(x, down_channels[i], kernel, f"{here}_refine")
        if i + 1 < scales:
            x = scale(x, i + 1)
        if subpixel:
            x = blocks.nearest_merge(skip, x, up_channels[i], here, norm=merge_norm)
        else:
            x = blocks.upsample(x, ups[i], here)
            if skip is not None:
                x = blocks.concat(skip, x, here)
            if merge_norm:
                x = blocks.norm(x, f"{here}_merge")
            x = blocks.conv(x, up_channels[i], up_kernels[i], f"{here}_up")
        x = blocks.norm_act(x, f"{here}_up")
        if up_1x1:
            x = blocks.conv_norm_act(x, up_channels[i], 1, f"{here}_up1x1")
        return x

    z = keras.Input((*size, input_channels), name="z", dtype="float32")
    x = blocks.conv(scale(z, 0), output_channels, 1, "output")
    x = picture_from(x, image_size, sigmoid=sigmoid)
    return keras.Model(z, x, name=name)


def latent_size(
    image_size: tuple[int, int],
    down_kernels: Sequence[int],
    up_kernels: Sequence[int],
) -> tuple[int, int]:
    """Return the height and width that the network runs on.

    They are the next multiples of 2^scales that leave room, at every scale, for a
    reflection of half a kernel, and two pixels on a side for the statistics of the
    deepest batch normalisation.
    """
    scales = len(down_kernels)
    least = 2 ** (scales + 1)
    for i, (down, up) in enumerate(zip(down_kernels, up_kernels, strict=True)):
        least = max(least, 2 ** (i + 1) * (down // 2 + 1), 2**i * (up // 2 + 1))
    step = 2**scales
    least = -(-least // step) * step
    height, width = (max(least, -(-int(side) // step) * step) for side in image_size)
    return height, width


def _kernels(name: str, value: Any, scales: int) -> tuple[int, ...]:
    kernels = per_scale(name, value, scales)
    if any(k < 1 or k % 2 == 0 for k in kernels):
        raise ValueError(
            f"Expected {name} as odd, positive sides in pixels. Received: {value!r}"
        )
    return kernels
