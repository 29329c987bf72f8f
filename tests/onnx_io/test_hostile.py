"""ONNX files that are not what they say."""

import json
import os
import sys
from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from keras_dip.errors import KerasDipError
from keras_dip.onnx_io import session as sessions
from keras_dip.onnx_io.metadata import PREFIX, encode
from keras_dip.onnx_io.regenerate import info, regenerate

both = pytest.mark.parametrize("use", [info, regenerate])


def refused(use, path, message):
    with pytest.raises(KerasDipError, match=message) as error:
        use(path)
    text = str(error.value)
    assert text.isprintable() and len(text) < 700


@both
def test_weights_outside_of_the_file_are_not_read(tiny, tmp_path, use):
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones(60, "float32").tobytes())
    folder = tmp_path / "models"
    folder.mkdir()
    weights = TensorProto(name="w", data_type=1, dims=[1, 4, 5, 3], data_location=1)
    entry = weights.external_data.add()
    entry.key = "location"
    for location in ("../secret", str(secret), "inside"):
        entry.value = location
        (folder / "inside").write_bytes(secret.read_bytes())
        output = helper.make_tensor_value_info("image", 1, [1, 4, 5, 3])
        node = helper.make_node("Identity", ["w"], ["image"])
        graph = helper.make_graph([node], "g", [], [output], [weights])
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        )
        helper.set_model_props(model, encode(tiny["FIELDS"]))
        (folder / "a.onnx").write_bytes(model.SerializeToString())
        refused(use, folder / "a.onnx", "written by keras_dip")


@both
@pytest.mark.parametrize("shape", [[4, 5], [5, 4, 3], [40, 50, 3], [60], [2, 30]])
def test_a_size_that_is_a_lie(tiny_onnx, use, shape):
    refused(use, tiny_onnx(shape=shape), "Expected")


@both
def test_a_huge_size(tiny_onnx, use):
    refused(use, tiny_onnx(shape=[200_000, 200_000, 3]), "at most")


@both
@pytest.mark.parametrize(
    "changes",
    [
        {"seed": "x"},
        {"shape": "large"},
        {"shape": [4, 5, -3]},
        {"shape": [4, 5, True]},
        {"latent": {}},
        {"settings": []},
        {"settings": {"members": "many"}},
        {"settings": {"task_options": 3}},
        {"versions": None},
        {"weights": None},
    ],
    ids=str,
)
def test_metadata_of_other_kinds(tiny_onnx, use, changes):
    refused(use, tiny_onnx(**changes), "fields of other kinds")


@both
def test_json_without_end(tiny_onnx, fields, use):
    texts = encode(fields)
    texts[PREFIX + "settings"] = "[" * 100_000
    refused(use, tiny_onnx(texts=texts), "Expected JSON")


@both
@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.9])
def test_truncated(tiny_onnx, use, kept):
    path = tiny_onnx()
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])
    refused(use, path, "Expected")


@both
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path, use):
    os.mkfifo(tmp_path / "a.onnx")
    refused(use, tmp_path / "a.onnx", "Expected an ONNX file")


@both
@pytest.mark.parametrize(
    "tiles",
    [
        {"side": [4, 5], "tops": [1], "lefts": [0]},
        {"side": [4, 5], "tops": [0, 0], "lefts": [0]},
        {"side": [2, 5], "tops": [0], "lefts": [0]},
        {"side": ["../x", 5], "tops": [0], "lefts": [0]},
        {"tops": "x"},
        7,
    ],
    ids=str,
)
def test_a_table_that_is_none(tiny_onnx, fields, tmp_path, use, tiles):
    model = onnx.load(tiny_onnx())
    windows = onnx.numpy_helper.from_array(np.zeros((1, 4), "int64"), "w")
    output = helper.make_tensor_value_info("tiles", TensorProto.INT64, (1, 4))
    node = helper.make_node("Identity", ["w"], ["tiles"])
    model.graph.CopyFrom(helper.make_graph([node], "t", [], [output], [windows]))
    texts = encode(fields)
    texts[PREFIX + "settings"] = json.dumps({**fields["settings"], "tiles": tiles})
    helper.set_model_props(model, texts)
    onnx.save(model, tmp_path / "table.onnx")
    refused(use, tmp_path / "table.onnx", "Expected")


@both
def test_a_graph_without_an_output(tiny_onnx, use):
    path = tiny_onnx()
    model = onnx.load(path)
    del model.graph.output[:]
    onnx.save(model, path)
    refused(use, path, "Expected")


def doubled(times):
    """Nodes that make `big`, 2 to the power of `times` numbers, from one."""
    names = ["one", *(f"doubled{n}" for n in range(1, times)), "big"]
    return [helper.make_node("Concat", [a, a], [b], axis=0) for a, b in pairwise(names)]


BOMBS = {
    "filled": [helper.make_node("ConstantOfShape", ["size"], ["big"])],
    "repeated": [helper.make_node("Tile", ["one", "size"], ["big"])],
    "doubled": doubled(30),
}


def peak():
    """The most bytes that this process has used so far."""
    resource = pytest.importorskip("resource")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@pytest.mark.parametrize("kind", BOMBS)
def test_memory_that_a_picture_does_not_need(tiny_onnx, monkeypatch, kind):
    path = tiny_onnx()
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1, "f4"), "one"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([2**30]), "size"))
    model.graph.node[-1].output[0] = "picture"
    model.graph.node.extend(BOMBS[kind])
    least = helper.make_node("ReduceMax", ["big"], ["least"], axes=[0], keepdims=0)
    model.graph.node.append(least)
    model.graph.node.append(helper.make_node("Add", ["picture", "least"], ["image"]))
    onnx.save(model, path)
    monkeypatch.setattr(sessions, "LEAST", 2**26)
    before = peak()
    assert info(path)["shape"] == [4, 5, 3]
    refused(regenerate, path, "asks for more than .* bytes of memory")
    assert peak() - before < 2**29
