"""What the processor says that it can do."""

import functools
import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def is_x86() -> bool:
    """Return whether the processor is one of Intel's or AMD's, of 64 bits."""
    return platform.machine().lower() in ("x86_64", "amd64")


@functools.cache
def cpu_flags() -> frozenset[str]:
    """Return the instruction sets as Linux names them; none where it is not told."""
    try:
        lines = CPU_INFO.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.split())


def gpus() -> list[str]:
    """Return the names of the GPUs that Keras' backend finds, such as "gpu:0"."""
    import keras

    # To ask for those alone is an error in JAX where there is none.
    found: list[str] = keras.distribution.list_devices()
    return [name for name in found if name.startswith("gpu")]
