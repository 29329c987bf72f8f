"""Tests that are run in a process of their own, which has JAX as Keras' backend."""

import subprocess
import sys
from pathlib import Path


def test_all_cases(jax_environment):
    folder = Path(__file__).parent
    cases = [str(path) for path in sorted(folder.glob("*_cases.py"))]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *cases],
        env=jax_environment,
        cwd=folder.parents[1],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert " passed" in ran.stdout and "skipped" not in ran.stdout
