"""How the cores and GPUs of this machine are shared between workers.

TensorFlow would tell, but is not imported where only workers need it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

CORES_PER_WORKER = 2
"""By measurement (docs/batch.md)."""

SHARED_GPU = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
"""What lets processes take a GPU's memory as they need it: TensorFlow's, JAX's."""

NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
"""What keeps a process off the GPUs: JAX would take most of their memory at once."""

_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus() -> list[str]:
    """Return the GPUs that TensorFlow would see, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    told = subprocess.run([program, "-L"], capture_output=True, text=True)
    lines = [line for line in told.stdout.splitlines() if line.startswith("GPU ")]
    return [str(index) for index in range(len(lines))]


def keras_backend() -> str:
    """Return the backend that Keras would take: environment, file, TensorFlow."""
    named = os.environ.get("KERAS_BACKEND")
    if named:
        return named
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        told = json.loads((home / "keras.json").read_text())
        return str(told["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"


def environments(
    workers: int | None, *, cores: int, gpus: list[str] | None
) -> list[dict[str, str]]:
    """Return what the environment of each worker has to say.

    Args:
        workers: How many; None for one per GPU, or for every two cores.
        cores: How many cores they share.
        gpus: The GPUs that they share, one each; several workers on one take its memory
            as they need it. None to keep them off all.
    """
    count = workers or len(gpus or ()) or max(1, cores // CORES_PER_WORKER)
    threads = str(max(1, cores // count))
    shared = {name: os.environ.get(name, threads) for name in _THREADS}
    if gpus is None:
        shared |= NO_GPU
    if not gpus:
        return [shared] * count
    if count > len(gpus):
        shared |= SHARED_GPU
    return [
        {**shared, "CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]}
        for place in range(count)
    ]
