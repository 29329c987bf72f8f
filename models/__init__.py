"""Networks as Keras functional models; they know no task and no file."""

import importlib
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
    if name not in _BUILDERS:
        raise ValueError(
            f"Expected the name of a network: {', '.join(_BUILDERS)}. "
            f"Received: {name!r}"
        )
    module, function = _BUILDERS[name]
    return getattr(importlib.import_module(module), function)(image_size, **options)
