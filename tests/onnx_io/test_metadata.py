import numpy as np
import pytest

from keras_dip.errors import KerasDipError
from keras_dip.onnx_io.metadata import FIELDS, FORMAT_VERSION, decode, encode


def test_what_is_encoded_is_decoded(fields):
    assert decode(encode(fields)) == fields | {"format_version": FORMAT_VERSION}


def test_every_key_has_the_prefix_and_every_value_is_a_text(fields):
    texts = encode(fields)

    assert {key.removeprefix("keras_dip.") for key in texts} == FIELDS
    assert all(key.startswith("keras_dip.") for key in texts)
    assert all(isinstance(text, str) for text in texts.values())


def test_numpy_values_become_plain(fields):
    fields["seed"] = np.int64(7)
    fields["settings"] = {"levels": np.array([1, 2]), "rate": np.float32(0.5)}

    decoded = decode(encode(fields))

    assert decoded["seed"] == 7
    assert decoded["settings"] == {"levels": [1, 2], "rate": 0.5}


def test_foreign_keys_are_passed_over(fields):
    assert "author" not in decode(encode(fields) | {"author": "somebody"})


def test_a_missing_or_unknown_field_is_refused(fields):
    del fields["steps"]
    with pytest.raises(ValueError, match=r"missing \['steps'\], unknown \['colour'\]"):
        encode(fields | {"colour": "blue"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": None}, "written by keras_dip"),
        ({"format_version": "2"}, "format 1. Received: '2'; a newer"),
        ({"seed": None}, r"none for \['keras_dip.seed'\]"),
        ({"shape": "[4, 5"}, r"JSON in keras_dip.shape. Received: '\[4, 5'"),
    ],
)
def test_damaged_metadata_is_refused(fields, changes, message):
    texts = encode(fields)
    for name, text in changes.items():
        del texts[f"keras_dip.{name}"]
        if text is not None:
            texts[f"keras_dip.{name}"] = text

    with pytest.raises(KerasDipError, match=message):
        decode(texts)
