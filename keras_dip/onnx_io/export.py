"""Write a fitted network as one ONNX file from which the restored picture comes back.

The graph holds everything between z and the picture: the integer grid of z, the network
in float32 with fixed batch statistics, the task's finish (say, known pixels pasted
back) and the clipping to [0, 1]. z has a default inside, so that
``session.run(None, {})`` gives the picture. The file appears only after onnxruntime
has computed from it what Keras computes.
"""

import gc
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_dip.errors import ExportError
from keras_dip.images import atomic_write
from keras_dip.latents import Latent
from keras_dip.onnx_io.elsewhere import another_process
from keras_dip.onnx_io.tiles import add_metadata, joined, write_table
from keras_dip.onnx_io.verify import verify
from keras_dip.tiles import Tiling

OPSET = 17
LARGEST = 1_500_000_000
"""Bytes of one file; protobuf allows 2 GB. Beyond, tiles become files of their own."""

SMALLEST_HALF = 64
"""Initializers with fewer entries stay float32 when weights are stored as float16."""


@dataclass(frozen=True, eq=False)
class Graph:
    """What becomes one graph: network, z, and the way from the output to the picture.

    `network` is a float32 Keras model with fixed batch statistics.
    """

    network: Any
    latent: Latent
    finish: Callable[[Any], Any]


def export(
    path: str | Path,
    graphs: Iterable[Graph],
    image: np.ndarray,
    metadata: dict[str, str],
    *,
    tiling: Tiling | None = None,
    half: bool = False,
) -> None:
    """Write the ONNX file of a restoration, atomically, after verifying it.

    Args:
        path: the file to write; replaced if it exists.
        graphs: of the picture, or of all of its tiles in their order; each is done
            with before the next is asked for.
        image: what the file must regenerate, float32 [1, H, W, C].
        metadata: texts to store in the file, by key.
        tiling: where the tiles are, if it was cut.
        half: store weights as float16, half the size; the computation stays float32.

    Raises:
        ExportError: if the graph cannot be made, or regenerates another picture.
    """
    models = []
    with _converter() as convert_one:
        for graph in graphs:
            model = convert_one(graph.network, graph.latent, graph.finish)
            if half:
                _halve_weights(model.graph)
            models.append(model)
            gc.collect()  # what was traced holds all weights, in circles
    if tiling is not None and sum(m.ByteSize() for m in models) > LARGEST:
        write_table(Path(path), models, tiling, image, metadata, OPSET, half=half)
        return
    model = models[0] if tiling is None else joined(models, tiling, OPSET)
    add_metadata(model, metadata)
    content = model.SerializeToString()
    verify(content, image, half=half)
    atomic_write(Path(path), lambda file: file.write(content))


def _converter() -> AbstractContextManager[Callable[..., Any]]:
    """Return what gives `convert`, or a function that does the same elsewhere."""
    if keras.config.backend() == "tensorflow":
        return nullcontext(convert)
    return another_process()


def convert(network: Any, latent: Latent, finish: Callable[[Any], Any]) -> Any:
    """Return the ONNX model from the codes of z to the finished picture."""
    import onnx
    import tensorflow as tf
    import tf2onnx

    scale, offset = _scalar_if_equal(latent.scale), _scalar_if_equal(latent.offset)

    def regenerate(z: Any) -> Any:
        values = tf.cast(z, tf.float32) * scale + offset
        return tf.clip_by_value(finish(network(values, training=False)), 0.0, 1.0)

    codes = latent.codes
    signature = [tf.TensorSpec(codes.shape, codes.dtype, name="z")]
    try:
        model, _ = tf2onnx.convert.from_function(
            tf.function(regenerate), input_signature=signature, opset=OPSET
        )
    except Exception as error:
        raise ExportError(f"The network cannot be written as ONNX: {error}") from error
    _rename_output(model.graph, "image")
    model.graph.initializer.append(onnx.numpy_helper.from_array(codes, "z"))
    model.producer_name = "keras_dip"
    return model


def _scalar_if_equal(values: np.ndarray) -> np.ndarray:
    return values[:1] if np.all(values == values[0]) else values


def _rename_output(graph: Any, name: str) -> None:
    """Give the graph's only output a name of its own."""
    old = graph.output[0].name
    for node in graph.node:
        node.output[:] = [name if output == old else output for output in node.output]
        node.input[:] = [name if entry == old else entry for entry in node.input]
    graph.output[0].name = name


def _halve_weights(graph: Any) -> None:
    """Store the large float32 initializers as float16, cast back when loaded."""
    import onnx

    casts = []
    for tensor in list(graph.initializer):
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < SMALLEST_HALF:
            continue
        stored = f"{tensor.name}_half"
        graph.initializer.remove(tensor)
        graph.initializer.append(
            onnx.numpy_helper.from_array(array.astype(np.float16), stored)
        )
        casts.append(
            onnx.helper.make_node(
                "Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT
            )
        )
    # A node must follow the nodes it depends on; the casts depend on none.
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
