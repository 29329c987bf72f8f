"""What was painted over a picture, as the mask that a task takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_dip.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

PAINTED = 127
"""Strokes have soft edges: what is more opaque than this, of 255, is painted."""


def painted(layers: Sequence[Any], size: tuple[int, int]) -> np.ndarray | None:
    """Return where strokes are, booleans [h, w]; None where there are none.

    Args:
        layers: RGBA arrays [h, w, 4] of 8 bits, at the size of the canvas.
        size: (height, width) of the picture.
    """
    import numpy as np
    from PIL import Image

    holes = np.zeros(size, bool)
    for layer in layers:
        if layer is None:
            continue
        alpha = Image.fromarray(np.ascontiguousarray(layer[..., 3]))
        holes |= np.asarray(alpha.resize(size[::-1])) > PAINTED
    return holes if holes.any() else None


def with_painting(
    source: str,
    values: dict[str, Any],
    mask: str,
    holes: np.ndarray,
    folder: Path,
) -> tuple[str, dict[str, Any]]:
    """Return the source and the options of a task, with what was painted missing too.

    What is missing already, by a mask file or by transparency, stays so.

    Args:
        source: The picture's file.
        values: The task's options, as the command line has them.
        mask: The name of the option that is a mask.
        holes: What was painted, booleans [h, w].
        folder: Where files can be put.
    """
    import numpy as np

    from keras_dip import images
    from keras_dip.images.convert import to_unit

    given, inverted = values.get(mask), f"invert_{mask}"
    picture, info = images.read(source)
    if given is None and info.alpha is not None:
        # Holes that are transparent are taken from the picture: it gets more of them.
        alpha = np.where(holes, 0, to_unit(info.alpha))
        depth = 65535 if info.dtype == "uint16" else 255
        more = np.rint(alpha * depth).astype(info.alpha.dtype)
        pierced = folder / f"{Path(source).stem}-painted.png"
        images.write(picture, pierced, info=dataclasses.replace(info, alpha=more))
        return str(pierced), {**values, inverted: False}
    known = ~holes
    if given is not None:
        file = images.read_mask(given) > 0.5
        if file.shape[:2] != holes.shape:
            height, width = file.shape[:2]
            raise ImageError(
                f"Expected a mask of the picture's size, {holes.shape[1]}x"
                f"{holes.shape[0]} pixels. Received: {width}x{height} pixels."
            )
        file = ~file if values.get(inverted) else file
        known = file & (known if file.ndim == 2 else known[..., np.newaxis])
    path = folder / "mask.png"
    images.write(known.astype("float32"), path)
    return source, {**values, mask: str(path), inverted: False}
