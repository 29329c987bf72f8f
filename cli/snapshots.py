"""The iterates of one fit as a folder of pictures and a table."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from keras_dip.images import ImageInfo
    from keras_dip.restoration import Restoration

COUNT = 8
TABLE = "snapshots.csv"


def write_snapshots(
    restoration: Restoration,
    folder: str | os.PathLike[str],
    *,
    info: ImageInfo,
    inputs: Sequence[str],
    force: bool,
) -> None:
    """Write step_00100.png and so on, and a line of the table for each.

    Args:
        restoration: A restoration with snapshots.
        folder: Where to; made if it does not exist.
        info: Depth, alpha and colour profile of the pictures.
        inputs: Files that must not be overwritten, even with `force`.
        force: Replace what is there.
    """
    from keras_dip import images
    from keras_dip.cli.folders import make_folder

    path, suffix = make_folder(folder), _suffix(restoration.image, info)
    last = max(restoration.snapshots, default=0)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", "criterion", "chosen", "last"])
    for step, snapshot in restoration.snapshots.items():
        chosen = step == restoration.best_step
        image = restoration.image if chosen else restoration.at(step).image
        file = path / f"step_{step:05}{suffix}"
        images.write(image, file, info=info, inputs=inputs, force=force)
        table.writerow([step, snapshot.criterion, int(chosen), int(step == last)])
    data = text.getvalue().encode()
    images.check_output(path / TABLE, inputs=inputs, force=force, suffixes=(".csv",))
    images.atomic_write(path / TABLE, lambda file: file.write(data))


def _suffix(image: np.ndarray, info: ImageInfo) -> str:
    """Return that of PNG, or of TIFF where PNG cannot hold such pictures."""
    from keras_dip.errors import ImageError
    from keras_dip.images.formats import check_format

    channels = image.shape[2] if image.ndim == 3 else 1
    try:
        check_format("PNG", info.dtype, channels, info.alpha is not None)
    except ImageError:
        return ".tif"
    return ".png"
