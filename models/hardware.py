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
