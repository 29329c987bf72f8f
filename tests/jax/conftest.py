"""Fits under KERAS_BACKEND=jax, each group of them in a process of its own."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
for name in ("tensorflow", "tf2onnx", "onnxruntime"):
    sys.modules[name] = None  # as if it were not installed
"""


@pytest.fixture
def run_jax(tmp_path, jax_environment):
    """Run a program with JAX as backend, and without TensorFlow unless asked for."""

    def run(program, *arguments, alone=True):
        result = subprocess.run(
            [sys.executable, "-c", (WITHOUT if alone else "") + program, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=jax_environment,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout

    return run
