"""Freed memory is kept for the next step: fewer pages come from the system."""

import subprocess
import sys

import pytest

from keras_dip.allocator import keep_freed_memory

COUNT_FAULTS = """
import resource, sys
import numpy as np
from keras_dip.allocator import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    print("no glibc")
    sys.exit()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(8 * 2**20)
before = faults()
for _ in range(10):
    np.ones(8 * 2**20)  # 64 MiB, taken and freed
print(faults() - before)
"""


def faults(mode):
    command = [sys.executable, "-c", COUNT_FAULTS, mode]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is on Linux")
def test_large_blocks_are_handed_out_again():
    kept = faults("keep")
    if kept == "no glibc":
        pytest.skip("another C library than glibc")
    assert int(kept) < 0.2 * int(faults("default"))


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
