"""Which arithmetic a machine is good at, and what then becomes of a fit."""

from dataclasses import replace

import keras
import pytest

from keras_dip import DeepImagePrior, Denoise, precision
from keras_dip.models import hardware
from keras_dip.models.fused import gpu_has_bfloat16
from keras_dip.precision import policy_for

AMX = "processor\t: 0\nflags\t\t: fpu sse2 avx2 avx512f amx_bf16\n"
ZEN4 = "processor\t: 0\nflags\t\t: fpu sse2 avx2 avx512f avx512_bf16\n"
AVX2 = "processor\t: 0\nflags\t\t: fpu sse2 avx2 fma\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Return a function that makes this a machine with another processor and GPU."""

    def become(cpu_info, gpus=(), gpu_is_fast=False):
        file = tmp_path / "cpuinfo"
        if cpu_info is not None:
            file.write_text(cpu_info)
        monkeypatch.setattr(hardware, "CPU_INFO", file)
        hardware.cpu_flags.cache_clear()
        monkeypatch.setattr(precision, "gpu_has_bfloat16", lambda: gpu_is_fast)
        monkeypatch.setattr(keras.distribution, "list_devices", lambda: list(gpus))

    yield become
    hardware.cpu_flags.cache_clear()


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("cpu_info", "policy"),
    [
        (AMX, "mixed_bfloat16"),
        (ZEN4, "mixed_bfloat16"),
        (AVX2, "float32"),
        (None, "float32"),
    ],
    ids=["amx", "avx512", "avx2", "no cpuinfo"],
)
def test_auto_is_what_the_processor_multiplies(machine, cpu_info, policy):
    machine(cpu_info)
    assert policy_for("auto", None) == policy


def test_auto_is_float32_on_a_cpu_with_jax(machine, monkeypatch):
    machine(AMX)
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    assert policy_for("auto", None) == "float32"


def test_auto_asks_the_gpu_where_the_fit_runs_on_it(machine):
    machine(AVX2, gpus=["gpu:0"], gpu_is_fast=True)
    assert policy_for("auto", None) == "mixed_bfloat16"
    assert policy_for("auto", "cpu") == "float32"
    machine(AMX, gpus=["gpu:0"], gpu_is_fast=False)
    assert policy_for("auto", "gpu") == "float32"


def test_what_is_asked_for_is_used(machine):
    machine(AMX)
    assert policy_for("float32", None) == "float32"
    machine(AVX2)
    assert policy_for("mixed_float16", None) == "mixed_float16"


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("arguments", "policy"),
    [
        ({}, "mixed_bfloat16"),
        ({"dtype_policy": "float32"}, "float32"),
        ({"preset": "paper"}, "float32"),
    ],
    ids=["fast", "given", "paper"],
)
def test_the_record_says_what_was_used(machine, scene, arguments, policy):
    machine(AMX)
    task = Denoise()
    # The presets with a small network.
    widths = {"down_channels": (4,), "up_channels": (4,), "skip_channels": (2,)}
    presets = {
        name: {**preset, "network_options": widths}
        for name, preset in task.declaration.presets.items()
    }
    task.declaration = replace(task.declaration, presets=presets)
    prior = DeepImagePrior(task, steps=1, stop="none", **arguments)
    restoration = prior.fit(scene(16, 16, 3, noise=0.1))
    assert restoration.settings["dtype_policy"] == policy


def test_a_network_of_ones_own_keeps_its_policy(machine, scene, tiny_network):
    machine(AMX)
    prior = DeepImagePrior(
        network=tiny_network(16, 16), latent="noise", steps=1, stop="none"
    )
    restoration = prior.fit(scene(16, 16, 3, noise=0.1))
    assert restoration.settings["dtype_policy"] == "float32"


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("capabilities", "fast"),
    [
        ([(8, 0)], True),
        ([(8, 0), (9, 0)], True),
        ([(7, 5), (8, 0)], False),
        ([], False),
    ],
)
def test_every_gpu_has_to_have_tensor_cores(monkeypatch, capabilities, fast):
    import tensorflow as tf

    gpus = [{"compute_capability": pair} for pair in capabilities]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: gpu)
    assert gpu_has_bfloat16() is fast
