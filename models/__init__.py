"""Networks as Keras functional models; they know no task and no file."""

import importlib
import inspect
from typing import Any

_BUILDERS = {
    "skip": ("keras_dip.models.skip", "build_skip"),
    "hourglass": ("keras_dip.models.hourglass", "build_hourglass"),
}


def names() -> list[str]:
    """Return the names of the networks that `build` knows."""
    return list(_BUILDERS)


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
    from keras_dip.models.skip import build_skip

    if name == "hourglass":
        options = {**options, "skip_channels": 0}
    _builder(name)
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(build_skip).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for key in ("input_channels", "output_channels", "dtype", "seed", "name"):
        del defaults[key]
    return {**defaults, **options}


def _builder(name: str) -> Any:
    if name not in _BUILDERS:
        raise ValueError(
            f"Expected the name of a network: {', '.join(_BUILDERS)}. "
            f"Received: {name!r}"
        )
    module, function = _BUILDERS[name]
    return getattr(importlib.import_module(module), function)
