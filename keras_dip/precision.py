"""The arithmetic of the fit: bfloat16 where the machine multiplies it in hardware.

Half as many bytes pass through memory, and matrix units (AMX on a CPU, tensor cores on
a GPU) multiply bfloat16 several times as fast. Elsewhere it is emulated, and slower.
Weights, their averages and the finished network stay float32.
"""

import keras

from keras_dip.models.fused import gpu_has_bfloat16
from keras_dip.models.hardware import cpu_flags, gpus

AUTO = "auto"
FLOAT32, MIXED = "float32", "mixed_bfloat16"
CPU_FLAGS = {"amx_bf16", "avx512_bf16"}
"""Units for bfloat16, as Linux names them; elsewhere nothing is known of them."""


def policy_for(asked: str, device: str | None) -> str:
    """Return the Keras dtype policy of a fit.

    Args:
        asked: a policy's name, which is returned, or "auto".
        device: "cpu" or "gpu"; None where TensorFlow decides.
    """
    if asked != AUTO:
        return asked
    on_gpu = device != "cpu" and bool(gpus())
    if on_gpu:
        is_fast = gpu_has_bfloat16()
    else:  # JAX convolves bfloat16 on a CPU at half the speed of float32
        by_onednn = keras.config.backend() == "tensorflow"
        is_fast = by_onednn and bool(CPU_FLAGS & cpu_flags())
    return MIXED if is_fast else FLOAT32
