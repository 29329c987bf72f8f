"""How much memory a fit needs, and how much there is.

A step keeps the outputs of all layers for the gradient, so that their number decides;
what each costs was measured (docs/large-pictures.md).
"""

import contextlib
import gc
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import keras
import psutil

from keras_dip.models.copies import policy_of
from keras_dip.models.fused import all_layers
from keras_dip.models.hardware import gpus
from keras_dip.tiles import LEAST_SIDE
from keras_dip.together import NO_MEMORY
from keras_dip.train_steps import of_backend

Made = TypeVar("Made")

_IS_JAX = keras.config.backend() == "jax"

PROCESS = (1500 if _IS_JAX else 760) * 2**20
"""Bytes of a process with a step, before any large picture: XLA compiles in a GB."""

PER_OUTPUT = 4.0 if _IS_JAX else 6.0
"""Bytes for each output of a layer: it, what the gradient needs of it, and copies."""

COPIES_ON_GPU = 1.3
"""Numbers that XLA keeps on a GPU for each output: 1.02 to 1.25 (docs/batch.md)."""

SHARE_OF_GPU = 0.8
"""Of what a process may have of a GPU: gaps, and what cuDNN tries, take some."""

PER_VALUE = 40
"""Bytes for each value of the whole picture: the file's, floats, z, the result."""

MOST_OUTPUTS = 3500.0
"""Numbers per pixel that no network of ours exceeds: for a quick look."""

MOST_TOGETHER = 16
"""Fits that are fitted at once, at most: more fill no device any better."""

_CGROUP = Path("/sys/fs/cgroup")
_CONTAINERS = (  # what may be used, what is, what the system can drop of it
    ("memory.max", "memory.current", "inactive_file"),  # control groups, version 2
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def outputs_per_pixel(network: Any) -> float:
    """Return how many numbers all layers give for each pixel of the picture."""
    count = 0
    for layer in all_layers(network):
        output = layer.output
        tensors = output if isinstance(output, (list, tuple)) else [output]
        count += sum(math.prod(tensor.shape[1:]) for tensor in tensors)
    height, width, _ = network.output_shape[1:]
    return count / (height * width)


@dataclass(frozen=True)
class Room:
    """The memory that a fit has to find its place in: the machine's, or a GPU's.

    `limit` is what there is in bytes; `process`, `per_value` and `per_output` what is
    taken before any picture, for each value of the whole, and for each output of a
    layer; `name` is for messages.
    """

    limit: int
    process: float = PROCESS
    per_value: float = PER_VALUE
    per_output: float = PER_OUTPUT
    name: str = "memory"

    def needed(
        self, shape: Sequence[int], outputs: float, tile: Sequence[int] | None = None
    ) -> int:
        """Return the peak in bytes.

        Args:
            shape: (height, width, channels) of the restored picture.
            outputs: numbers per pixel, of `outputs_per_pixel`.
            tile: (height, width) of what is fitted at once, if not all is.
        """
        pixels = math.prod((tile or shape)[:2])
        whole = self.process + self.per_value * math.prod(shape)
        return int(whole + self.per_output * outputs * pixels)

    def largest_tile(self, shape: Sequence[int], outputs: float) -> int | None:
        """Return the side of the largest tile that there is room for, or None."""
        left = self.limit - self.needed(shape, outputs, (0, 0))
        side = math.isqrt(max(int(left / (self.per_output * outputs)), 0))
        # Networks halve the picture several times: other sides cost a margin.
        side -= side % 64
        return side if side >= LEAST_SIDE else None


def room(shape: Sequence[int], most: int | None, device: str | None) -> Room:
    """Return where the outputs of a fit find their place.

    Of a GPU all is counted, not what is free: fits that go on beside this one in the
    process are as many as it has room for. Where it is not told how much that is, as by
    TensorFlow, the machine's memory is looked at; and where that has no room for what
    is kept of the picture, whatever computes.

    Args:
        shape: (height, width, channels) of the restored picture.
        most: bytes that may be used; None for what there is.
        device: "cpu" or "gpu"; None for a GPU if there is one.
    """
    of_gpu = of_backend().memory_bytes() if device != "cpu" and gpus() else None
    if of_gpu is None:
        return Room(most or available())
    machine = Room(available())
    if machine.needed(shape, outputs=0) > machine.limit:
        return machine
    return Room(
        most or int(SHARE_OF_GPU * of_gpu),
        process=0,
        per_value=0,
        # Whatever the steps compute in: the finished picture is made in float32.
        per_output=4 * COPIES_ON_GPU,
        name="the GPU's memory",
    )


def fits_together(model: Any) -> int:
    """Return how many fits like that of a `PriorModel` its device has room for.

    1 where that is unknown, as on a CPU.
    """
    free = model.free_memory
    if free is None:
        return 1
    pixels = math.prod(model.network.output_shape[1:3])
    policy = keras.dtype_policies.get(policy_of(model.network))
    number = 2 if policy.compute_dtype in ("float16", "bfloat16") else 4
    outputs = COPIES_ON_GPU * number * outputs_per_pixel(model.network) * pixels
    # The variables themselves, stacked, and as they come out.
    variables = [*model.variables, *model.optimizer.variables]
    own = 3 * 4 * sum(math.prod(variable.shape) for variable in variables)
    return min(max(int(free / (outputs + own)), 1), MOST_TOGETHER)


def available() -> int:
    """Return the bytes that this process may have in all, what it has included."""
    own = psutil.Process().memory_info().rss
    free = psutil.virtual_memory().available
    # A container may be allowed less than the machine has.
    free = min([free, *map(_left_of, _CONTAINERS)])
    return int(own + max(free, 0))


def _left_of(names: tuple[str, str, str]) -> float:
    """Return the bytes that a container has left; infinity where it has no limit."""
    limit, used, dropped = names
    left = math.inf
    with contextlib.suppress(OSError, ValueError):  # no such container, or "max"
        left = int((_CGROUP / limit).read_text()) - int((_CGROUP / used).read_text())
        # Files that were read stay in memory while nobody else wants it.
        statistics = (_CGROUP / used).with_name("memory.stat").read_text().split()
        left += int(statistics[statistics.index(dropped) + 1])
    return left


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that the memory of a device does not suffice."""
    # TensorFlow has a class for it, and says so in words of many kinds.
    return NO_MEMORY in str(error) or type(error).__name__ == "ResourceExhaustedError"


def or_on_cpu(make: Callable[[], Made], device: str | None) -> Made:
    """Return what a function makes; on the CPU if a GPU has too little memory.

    Args:
        make: the function; called once more after such an error.
        device: "cpu" or "gpu"; None for a GPU if there is one.
    """
    try:
        return make()
    except Exception as error:
        if device == "cpu" or not gpus() or not ran_out(error):
            raise
    # Networks are cycles, which keep what is on the device; so would the error.
    gc.collect()
    warnings.warn(
        "The GPU has too little memory for the finished picture, which is float32; it "
        "is made on the CPU.",
        stacklevel=3,
    )
    with keras.device("cpu:0"):
        return make()


def in_words(size: float) -> str:
    """Return bytes as people read them, "1.3 GB"."""
    return f"{size / 2**30:.1f} GB"
