"""The way to ONNX where Keras runs on another backend than TensorFlow.

Only TensorFlow's graphs become ONNX here. A process of its own has TensorFlow as Keras'
backend; networks are handed over as `.keras` files, and what comes before and after
them as plain data and tasks. It stays for all tiles of a picture.
"""

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_dip.errors import ExportError
from keras_dip.latents import Latent

NETWORK, REST, MODEL = "network.keras", "rest.pickle", "model.onnx"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, eq=False)
class _Process:
    """A process that converts what lies in a folder when it is told its name."""

    process: "subprocess.Popen[str]"
    folder: Path

    def convert(
        self, network: Any, latent: Latent, finish: Callable[[Any], Any]
    ) -> Any:
        """Return the ONNX model from the codes of z to the finished picture."""
        import onnx

        from keras_dip import keras_files

        keras_files.save(self.folder / NETWORK, network)
        try:
            rest = pickle.dumps((latent, finish))
        except Exception as error:
            raise ExportError(
                "Expected a task that can be handed to a TensorFlow process. "
                f"Received: one that cannot be pickled ({error})"
            ) from error
        (self.folder / REST).write_bytes(rest)
        answer = self._ask(str(self.folder))
        if answer is not None:
            raise ExportError(answer)
        return onnx.load(str(self.folder / MODEL))

    def _ask(self, question: str) -> str | None:
        """Return what went wrong, or None."""
        asked, told = self.process.stdin, self.process.stdout
        if asked is None or told is None:
            raise AssertionError("a process without pipes")
        try:
            asked.write(json.dumps(question) + "\n")
            asked.flush()
            answer = told.readline()
        except OSError:
            answer = ""
        if not answer:
            return (
                "Expected a process with KERAS_BACKEND=tensorflow that writes ONNX "
                "(pip install tensorflow tf2onnx). Received: one that ended."
            )
        wrong: str | None = json.loads(answer)
        return wrong


@contextmanager
def another_process() -> Iterator[Callable[[Any, Latent, Callable[[Any], Any]], Any]]:
    """Give a function like `export.convert` that a TensorFlow process works for."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": path}
    environment["CUDA_VISIBLE_DEVICES"] = "-1"  # JAX has taken its memory
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory(prefix="keras-dip-") as folder:
        with subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        ) as process:
            yield _Process(process, Path(folder)).convert


def serve() -> None:
    """Convert the folders that standard input names; answer what went wrong, or null.

    It ends with its input. Whatever libraries print goes nowhere.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            _convert_folder(Path(json.loads(line)))
            wrong = None
        except Exception as error:
            wrong = " ".join(str(error).split()) or type(error).__name__
        answers.write(json.dumps(wrong) + "\n")
        answers.flush()


def _convert_folder(folder: Path) -> None:
    from keras_dip import keras_files
    from keras_dip.onnx_io.export import convert

    network = keras_files.load(folder / NETWORK)
    # Of this program's own temporary folder, which nobody else can write to.
    latent, finish = pickle.loads((folder / REST).read_bytes())
    model = convert(network, latent, finish)
    (folder / MODEL).write_bytes(model.SerializeToString())
