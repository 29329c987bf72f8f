"""Fits under KERAS_BACKEND=jax, each group of them in a process of its own."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

# Compiling takes most of the time here, and little of it makes small fits faster.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
WITHOUT = """
import sys
for name in ("tensorflow", "tf2onnx", "onnxruntime"):
    sys.modules[name] = None  # as if it were not installed
"""


@pytest.fixture
def environment():
    """Return the environment of a process whose Keras has JAX as backend."""
    if find_spec("jax") is None:
        pytest.skip("needs JAX: extra 'jax'")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **quiet, "KERAS_BACKEND": "jax", "XLA_FLAGS": QUICK}


@pytest.fixture
def run_jax(tmp_path, environment):
    """Run a program with JAX as backend, and without TensorFlow unless asked for."""

    def run(program, *arguments, alone=True):
        result = subprocess.run(
            [sys.executable, "-c", (WITHOUT if alone else "") + program, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout

    return run
