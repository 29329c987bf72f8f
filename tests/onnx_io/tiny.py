"""A file like ours in small, for the tests of what reads it (loaded by path)."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from keras_dip.onnx_io.metadata import encode

FIELDS = {
    "task": "denoise",
    "shape": [4, 5, 3],
    "seed": 3,
    "steps": 120,
    "best_step": 100,
    "network": {"name": "skip", "options": {}},
    "settings": {"preset": "fast", "task_options": {"sigma": None}},
    "versions": {"keras_dip": "0.1.0"},
    "source_dtype": "uint8",
    "source_mode": "RGB",
    "pastes_known": False,
    "opset": 17,
    "latent": {"kind": "noise", "contains_picture": False},
    "half": False,
    "tolerance": {"max": 1e-3, "psnr": None},
    "weights": 42,
}


def write(path, codes=None, *, output="image", texts=None, **changes):
    """Write image = z / 255, with a default for z; return the path."""
    if codes is None:
        codes = np.arange(60, dtype="uint8").reshape(1, 4, 5, 3) * 4
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["z"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["float", "peak"], [output]),
        ],
        "tiny",
        [helper.make_tensor_value_info("z", TensorProto.UINT8, codes.shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, codes.shape)],
        [
            numpy_helper.from_array(codes, "z"),
            numpy_helper.from_array(np.float32(255), "peak"),
        ],
    )
    imports = [helper.make_opsetid("", FIELDS["opset"])]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    changes.setdefault("shape", list(codes.shape[1:]))
    texts = encode(FIELDS | changes) if texts is None else texts
    helper.set_model_props(model, texts)
    onnx.save(model, path)
    return path
