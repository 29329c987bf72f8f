"""Deep image prior: restore a single picture with an untrained Keras network.

The public names are loaded on first use, so that `import keras_dip` is instant:
TensorFlow is imported when a fit is prepared, not before.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_dip.prior import DeepImagePrior as DeepImagePrior
    from keras_dip.restoration import Restoration as Restoration
    from keras_dip.tasks.activation_maximization import (
        ActivationMaximization as ActivationMaximization,
    )
    from keras_dip.tasks.compose import Compose as Compose
    from keras_dip.tasks.deblur import Deblur as Deblur
    from keras_dip.tasks.dejpeg import DeJPEG as DeJPEG
    from keras_dip.tasks.demosaic import Demosaic as Demosaic
    from keras_dip.tasks.denoise import Denoise as Denoise
    from keras_dip.tasks.enhance import Enhance as Enhance
    from keras_dip.tasks.feature_inversion import FeatureInversion as FeatureInversion
    from keras_dip.tasks.flash import FlashNoFlash as FlashNoFlash
    from keras_dip.tasks.inpaint import Inpaint as Inpaint
    from keras_dip.tasks.operator import Operator as Operator
    from keras_dip.tasks.reconstruct import Reconstruct as Reconstruct
    from keras_dip.tasks.super_resolve import SuperResolve as SuperResolve

__version__ = "0.1.0"

# TensorFlow reads this when it is imported. On x86 it otherwise uses oneDNN on newer
# CPUs only; a step takes a fifth less with it elsewhere too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

_HOME_OF = {
    "DeepImagePrior": "keras_dip.prior",
    "DeJPEG": "keras_dip.tasks.dejpeg",
    "Denoise": "keras_dip.tasks.denoise",
    "Inpaint": "keras_dip.tasks.inpaint",
    "Restoration": "keras_dip.restoration",
    "SuperResolve": "keras_dip.tasks.super_resolve",
}

__all__ = [
    "DeJPEG",
    "DeepImagePrior",
    "Denoise",
    "Inpaint",
    "Restoration",
    "SuperResolve",
    "__version__",
    "presets",
]


def presets() -> dict[str, list[str]]:
    """Return the names of the presets of each task."""
    tasks = import_module("keras_dip.tasks")
    return {name: list(tasks.declaration(name).presets) for name in tasks.names()}


def __getattr__(name: str) -> Any:
    """Import the module that a public name lives in when it is first asked for."""
    home = _HOME_OF.get(name)
    if home is None and not name.startswith("_"):
        tasks = import_module("keras_dip.tasks")
        classes = {tasks.declaration(n).class_name: n for n in tasks.names()}
        if name in classes:
            globals()[name] = value = tasks.get(classes[name])
            return value
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not, beside the ordinary ones."""
    return sorted({*globals(), *__all__})
