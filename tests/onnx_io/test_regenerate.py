import numpy as np
import pytest

from keras_dip.errors import KerasDipError
from keras_dip.onnx_io.regenerate import info, regenerate

CODES = np.arange(20, dtype="uint8").reshape(1, 4, 5, 1) * 12


def test_the_picture_comes_from_the_stored_z(tiny_onnx):
    picture = regenerate(tiny_onnx(CODES))

    assert picture.dtype == np.float32
    np.testing.assert_array_equal(picture, CODES[0] / np.float32(255))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)])
def test_the_picture_has_the_rank_of_the_metadata(tiny_onnx, shape):
    assert regenerate(tiny_onnx(CODES, shape=list(shape))).shape == shape


def test_another_z_gives_another_picture(tiny_onnx):
    picture = regenerate(tiny_onnx(CODES), z=CODES + 1)

    np.testing.assert_array_equal(picture, (CODES[0] + 1) / np.float32(255))


@pytest.mark.parametrize(
    ("z", "received"),
    [
        (CODES[0], r"shape \[4, 5, 1\], dtype uint8"),
        (CODES.astype("float32"), r"shape \[1, 4, 5, 1\], dtype float32"),
    ],
)
def test_a_z_that_does_not_fit_is_refused(tiny_onnx, z, received):
    expected = r"z of shape \[1, 4, 5, 1\] and dtype uint8"
    with pytest.raises(KerasDipError, match=f"{expected}. Received: {received}"):
        regenerate(tiny_onnx(CODES), z=z)


def test_info_tells_metadata_and_file(tiny_onnx, fields):
    path = tiny_onnx()

    told = info(path)

    assert told == fields | {
        "format_version": "1",
        "z_shape": [1, 4, 5, 3],
        "z_dtype": "uint8",
        "image_shape": [1, 4, 5, 3],
        "file_size": path.stat().st_size,
    }


@pytest.mark.parametrize("use", [info, regenerate])
@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (None, "which does not exist"),
        (b"", "not ONNX, or damaged"),
        (b"no protocol buffer", "not ONNX, or damaged"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path, use, contents, message):
    path = tmp_path / "bad.onnx"
    if contents is not None:
        path.write_bytes(contents)

    with pytest.raises(KerasDipError, match=message) as caught:
        use(path)

    assert "\n" not in str(caught.value)
    assert "bad.onnx" in str(caught.value)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(KerasDipError, match="a folder"):
        info(tmp_path)


def test_a_truncated_file_is_refused(tiny_onnx):
    path = tiny_onnx()
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(KerasDipError, match="Expected"):
        regenerate(path)


def test_a_file_of_others_is_refused(tiny_onnx):
    with pytest.raises(KerasDipError, match=r"tiny\.onnx': .* written by keras_dip"):
        regenerate(tiny_onnx(texts={"author": "somebody"}))


def test_a_file_with_another_output_is_refused(tiny_onnx):
    with pytest.raises(KerasDipError, match="only output is 'image'"):
        regenerate(tiny_onnx(output="picture"))


def test_metadata_that_contradict_the_graph_are_refused(tiny_onnx):
    with pytest.raises(KerasDipError, match="which makes"):
        regenerate(tiny_onnx(shape=[7, 7, 3]))
