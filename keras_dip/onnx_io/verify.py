"""Prove that an ONNX file gives the picture it stands for, before it is written."""

import numpy as np

from keras_dip.errors import ExportError
from keras_dip.metrics import psnr

TOLERANCE = 1e-3
HALF_TOLERANCE = 2 / 255
HALF_PSNR = 55.0
"""Largest difference, and PSNR in dB, allowed for float16 weights against float32."""


def tolerance(half: bool) -> dict[str, float | None]:
    """Return the largest difference, and the least PSNR in dB, that are allowed."""
    if half:
        return {"max": HALF_TOLERANCE, "psnr": HALF_PSNR}
    return {"max": TOLERANCE, "psnr": None}


def verify(content: bytes, image: np.ndarray, *, half: bool = False) -> float:
    """Run an ONNX file in onnxruntime and compare its picture with `image`.

    Args:
        content: the file's bytes.
        image: the expected picture, float32 [1, H, W, C] in [0, 1].
        half: allow what float16 weights change.

    Returns:
        The largest absolute difference.

    Raises:
        ExportError: if the file is not valid ONNX, cannot be run, or differs by more
            than 1e-3 (2/255 or below 55 dB with `half`).
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        onnx.checker.check_model(content, full_check=True)
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        (regenerated,) = session.run(["image"], {})
    except Exception as error:
        raise ExportError(f"The ONNX file cannot be run: {error}") from error
    return compare(regenerated, image, half=half)


def compare(regenerated: np.ndarray, image: np.ndarray, *, half: bool = False) -> float:
    """Compare the picture of an ONNX file, or of several, with `image`.

    Returns:
        The largest absolute difference.

    Raises:
        ExportError: if it is larger than 1e-3 (2/255 or below 55 dB with `half`).
    """
    if regenerated.shape != image.shape:
        raise ExportError(
            f"Expected the ONNX file to give a picture of shape {image.shape}. "
            f"Received: {regenerated.shape}"
        )
    difference = float(np.abs(regenerated - image).max())
    allowed = HALF_TOLERANCE if half else TOLERANCE
    if not difference <= allowed or (half and psnr(regenerated, image) < HALF_PSNR):
        raise ExportError(
            f"Expected the ONNX file to give the picture within {allowed:.4g}. "
            f"Received: a largest difference of {difference:.4g}, "
            f"{psnr(regenerated, image):.1f} dB"
        )
    return difference
