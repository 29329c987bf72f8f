"""The hourglass: the skip network without its skip connections."""

from typing import Any

import keras

from keras_dip.models.skip import build_skip


def build_hourglass(image_size: tuple[int, int], **options: Any) -> keras.Model:
    """Build the hourglass network; the options are those of `build_skip`.

    `skip_channels` has no meaning here and is ignored, so that one set of options can
    be tried with both networks.
    """
    scales = len(options.get("down_channels", (128,) * 5))
    options["skip_channels"] = (0,) * scales
    return build_skip(image_size, **{"name": "hourglass", **options})
