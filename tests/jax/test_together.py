"""Fits together need JAX as Keras' backend, which a process has once and for all."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# Compiling takes most of the time here, and little of it makes small fits faster.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_fits_together_under_jax():
    cases = Path(__file__).with_name("together_cases.py")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(cases)],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": QUICK,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        cwd=cases.parents[2],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert " passed" in ran.stdout and "skipped" not in ran.stdout
