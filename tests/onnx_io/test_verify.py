"""What is accepted as the same picture, and what is not."""

import numpy as np
import pytest

from keras_dip.errors import ExportError
from keras_dip.onnx_io.verify import HALF_PSNR, HALF_TOLERANCE, TOLERANCE, verify

CODES = np.arange(60, dtype="uint8").reshape(1, 4, 5, 3) * 4
IMAGE = CODES / np.float32(255)


@pytest.fixture
def content(tiny_onnx):
    """A file whose picture is `IMAGE`."""
    return tiny_onnx(CODES).read_bytes()


def test_the_tolerances_are_the_documented_ones():
    assert (TOLERANCE, HALF_TOLERANCE, HALF_PSNR) == (1e-3, 2 / 255, 55)


def test_the_same_picture(content):
    assert verify(content, IMAGE) == 0
    assert verify(content, IMAGE, half=True) == 0


def one_pixel(difference):
    image = IMAGE.copy()
    image[0, 1, 2, 0] += difference
    return image


@pytest.mark.parametrize(
    ("image", "half"),
    [
        (one_pixel(9e-4), False),
        (IMAGE - 9e-4, False),
        (one_pixel(7.5e-3), True),
        (IMAGE + 1.5e-3, True),  # 56.5 dB
    ],
)
def test_a_picture_near_enough(content, image, half):
    expected = np.abs(image - IMAGE).max()
    assert verify(content, image, half=half) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("image", "half"),
    [
        (one_pixel(1.1e-3), False),
        (one_pixel(8e-3), True),
        (IMAGE + 2e-3, True),  # within 2/255, but 54 dB
        (one_pixel(np.nan), False),
        (one_pixel(np.nan), True),
    ],
)
def test_a_picture_too_far(content, image, half):
    with pytest.raises(ExportError, match="Expected the ONNX file to give the"):
        verify(content, image, half=half)


def test_a_picture_of_another_shape(content):
    message = r"shape \(1, 4, 5, 1\)\. Received: \(1, 4, 5, 3\)"
    with pytest.raises(ExportError, match=message):
        verify(content, IMAGE[..., :1])


@pytest.mark.parametrize("bad", [b"", b"no onnx", "cut"])
def test_what_cannot_be_run(content, bad):
    with pytest.raises(ExportError, match="The ONNX file cannot be run"):
        verify(content[: len(content) // 2] if bad == "cut" else bad, IMAGE)


def test_a_picture_under_another_name(tiny_onnx):
    content = tiny_onnx(CODES, output="picture").read_bytes()
    with pytest.raises(ExportError, match="cannot be run"):
        verify(content, IMAGE)
