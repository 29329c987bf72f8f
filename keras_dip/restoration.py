"""The result of a fit: the restored picture, how it came about, how to keep it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keras_dip.latents import Latent


@dataclass(frozen=True)
class Source:
    """What an ONNX export needs beside the picture."""

    network: Any
    latent: Latent
    finish: Callable[[Any], Any]
    picture_dtype: str


@dataclass(frozen=True)
class Restoration:
    """A restored picture with its history.

    Attributes:
        image: float32 in [0, 1], [H, W] or [H, W, C] as the input was; by definition
            what the exported network gives from `z`.
        z: the network's input, float32 [1, h, w, c].
        history: name to 1-D array, one entry per report: `step`, `loss`, `seconds`,
            and `psnr` (dB) and `ssim` where a reference was given.
        settings: everything that was set, as plain data.
        steps: steps taken.
        best_step: the step whose result `image` is.
        stopped_by: "steps", "interrupt", "diverged", "callback" or "error".
        stop_reason: the same as a sentence.
        seconds: seconds of the whole fit.
        uncertainty: None; reserved for a per-pixel standard deviation.
    """

    image: np.ndarray
    z: np.ndarray
    history: dict[str, np.ndarray]
    settings: dict[str, Any]
    steps: int
    best_step: int
    stopped_by: str
    stop_reason: str
    seconds: float
    source: Source = field(repr=False)
    uncertainty: np.ndarray | None = None

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the picture to a file, in the format of its suffix.

        16-bit grey pictures are written with 16 bits, all others with 8.

        Raises:
            ImageError: if the file exists and `force` is False, or cannot be written.
        """
        from keras_dip import images

        images.check_output(path, force=force)
        is_grey = self.image.ndim == 2 or self.image.shape[2] == 1
        deep = is_grey and self.source.picture_dtype == "uint16"
        info = images.ImageInfo(mode="I;16", dtype="uint16") if deep else None
        images.write(self.image, path, info=info, force=force)

    def export(
        self, path: str | Path, *, half: bool = False, force: bool = False
    ) -> None:
        """Write the fitted network and z as one ONNX file that regenerates the picture.

        `onnxruntime.InferenceSession(path).run(None, {})[0]` is then the picture,
        float32 [1, H, W, C]. With `half` the weights are stored as float16.

        Raises:
            ImageError: if the file exists and `force` is False, or cannot be written.
            ExportError: if onnxruntime does not give this picture from the file.
        """
        from keras_dip import images
        from keras_dip.onnx_io.export import export

        images.check_output(path, force=force, suffixes=(".onnx",))
        shape = self.image.shape if self.image.ndim == 3 else (*self.image.shape, 1)
        export(
            path,
            self.source.network,
            self.source.latent,
            self.source.finish,
            self.image.reshape(1, *shape),
            self._metadata(half),
            half=half,
        )

    def _mode(self) -> str:
        """Return Pillow's name for such pixels, or the number of channels."""
        channels = 1 if self.image.ndim == 2 else self.image.shape[2]
        if channels == 1 and self.source.picture_dtype == "uint16":
            return "I;16"
        return {1: "L", 3: "RGB"}.get(channels, f"{channels} channels")

    def _metadata(self, half: bool) -> dict[str, str]:
        from keras_dip.onnx_io.export import OPSET
        from keras_dip.onnx_io.metadata import encode

        options = self.settings["task_options"]
        latent = self.source.latent
        return encode(
            {
                "task": self.settings["task"],
                "shape": list(self.image.shape),
                "seed": self.settings["seed"],
                "steps": self.steps,
                "network": {
                    "name": self.settings["network"],
                    "options": self.settings["network_options"],
                },
                "settings": self.settings,
                "versions": self.settings["versions"],
                "source_dtype": self.source.picture_dtype,
                "source_mode": self._mode(),
                "latent": {
                    "kind": latent.kind,
                    "contains_picture": latent.contains_picture,
                },
                "pastes_known": bool(options.get("keep_known", False)),
                "half": half,
                "opset": OPSET,
                "weights": int(self.source.network.count_params()),
            }
        )
