"""Networks as Keras functional models; they know no task and no file."""

import importlib
import inspect
from dataclasses import dataclass, field
from typing import Any

_LEFT_OUT = ("input_channels", "output_channels", "dtype", "seed", "name")
"""Arguments of a builder that follow from the picture and the settings."""

_NO_PICTURE_IN_Z: dict[str, Any] = {
    "latent": "noise",
    "jitter": 0.0,
    "recorruption": 0.0,
    "hiding": 0.0,
}
"""Settings of a fit where z is too small to hold the picture."""


@dataclass(frozen=True)
class Network:
    """A network as plain data.

    Attributes:
        function: the builder in the module that is named like the network.
        summary: one line.
        family: networks of one family take the same options.
        settings: what a fit needs where its preset was made for another family.
        fixed: options that make it of another network of its family.
    """

    function: str
    summary: str
    family: str
    settings: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)


NETWORKS = {
    "skip": Network(
        "build_skip",
        "encoder-decoder, thin skip connections; the default",
        "skip",
    ),
    "hourglass": Network(
        "build_hourglass",
        "the same without skip connections, for large holes",
        "skip",
        fixed={"skip_channels": 0},
    ),
    "unet": Network(
        "build_unet",
        "U-Net with instance normalisation",
        "unet",
        settings={"learning_rate": 0.001},
    ),
    "resnet": Network(
        "build_resnet",
        "residual blocks at the picture's own size",
        "resnet",
        settings={"learning_rate": 0.001},
    ),
    "deep_decoder": Network(
        "build_deep_decoder",
        "few weights: 1x1 convolutions and bilinear doublings",
        "deep_decoder",
        settings={**_NO_PICTURE_IN_Z, "latent_channels": 128},
    ),
    "conv_decoder": Network(
        "build_conv_decoder",
        "a decoder of 3x3 convolutions",
        "conv_decoder",
        settings={**_NO_PICTURE_IN_Z, "latent_channels": 64},
    ),
    "pixels": Network(
        "build_pixels",
        "no network: the picture itself is the unknown",
        "pixels",
        settings={**_NO_PICTURE_IN_Z, "latent_channels": 1},
    ),
}


def names() -> list[str]:
    """Return the names of the networks that `build` knows."""
    return list(NETWORKS)


def network(name: str) -> Network:
    """Return what is known of a network without building it.

    Raises:
        ValueError: if there is no network of that name.
    """
    if name not in NETWORKS:
        raise ValueError(
            f"Expected the name of a network: {', '.join(NETWORKS)}. Received: {name!r}"
        )
    return NETWORKS[name]


def build(name: str, image_size: tuple[int, int], **options: Any) -> Any:
    """Build a network by name for pictures of `image_size` (height, width) pixels.

    Raises:
        ValueError: if there is no network of that name, or an option is off.
    """
    return _builder(name)(image_size, **options)


def effective_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a network with the defaults of those not given.

    Left out is what follows from the picture: sizes, channels, dtype and seed.

    Raises:
        ValueError: if there is no network of that name.
    """
    known = network(name)
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(
            _builder(known.family)
        ).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and key not in _LEFT_OUT
    }
    return {**defaults, **options, **known.fixed}


def _builder(name: str) -> Any:
    function = network(name).function
    return getattr(importlib.import_module(f"keras_dip.models.{name}"), function)
