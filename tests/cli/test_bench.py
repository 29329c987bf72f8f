import json
import sys
from types import ModuleType

import pytest

MEASURED = {
    "machine": {"device": "cpu", "cpus": 2, "system": "Linux"},
    "steps": [
        {
            "size": size,
            "preset": "fast",
            "preset_seconds": 0.25,
            "paper_seconds": 1.5,
            "plain_paper_seconds": 1.8,
            "paper_to_preset": 6.0,
            "plain_to_fused": 1.2,
        }
        for size in (32, 64)
    ],
    "quality": {
        "size": 32,
        "psnr_before": 20.5,
        "psnr": 33.25,
        "seconds": 21.0,
        "seconds_to_quality": 14.5,
    },
    "help_seconds": 0.21,
    "regenerate": {"size": 32, "seconds": 0.9},
}


@pytest.fixture
def measure(monkeypatch):
    """Put a fake in the place of the measuring; return what it was asked."""
    asked = []

    def fake(sizes, *, tell, **arguments):
        tell("nothing")
        asked.append((sizes, arguments))
        return MEASURED

    module = ModuleType("keras_dip.benchmark")
    module.__dict__.update(measure=fake)
    monkeypatch.setitem(sys.modules, "keras_dip.benchmark", module)
    return asked


def test_figures_and_ratios_are_printed(cli, measure):
    ran = cli(
        "bench", "--size", "32", "--size", "64", "--steps", "3", "--device", "cpu"
    )

    assert ran.code == 0 and "bench: measuring nothing" in ran.err
    assert measure == [([32, 64], {"count": 3, "device": "cpu"})]
    assert [" ".join(line.split()) for line in ran.out.decode().splitlines()[:5]] == [
        "cpu, 2 CPU cores, Linux",
        "32x32 pixels, one step of a fit:",
        "fast 250.0 ms",
        "paper 1500.0 ms = fast x 6.00",
        "paper, plain Keras 1800.0 ms = paper x 1.20",
    ]
    assert [" ".join(line.split()) for line in ran.out.decode().splitlines()[9:12]] == [
        "32x32 pixels, a fit of the default preset from 20.50 to 33.25 dB:",
        "within 0.1 dB of it 14500.0 ms",
        "whole 21000.0 ms",
    ]
    assert ran.out.decode().splitlines()[-1].split() == [
        "regenerate", "32x32", "900.0", "ms",
    ]  # fmt: skip


def test_on_the_cpu_it_keeps_off_the_gpus(cli, measure, gpus_seen):
    assert cli("bench").code == 0 and gpus_seen()
    assert cli("bench", "--device", "cpu").code == 0 and not gpus_seen()


def test_json_is_written_but_never_over_a_file(cli, measure, folder):
    assert cli("bench", "--json", "b.json", "-q").err == ""
    assert json.loads((folder / "b.json").read_text()) == MEASURED
    (folder / "b.json").write_bytes(b"mine")

    ran = cli("bench", "--json", "b.json")

    assert ran.code == 1 and ran.err.count("\n") == 1 and len(measure) == 1
    assert (folder / "b.json").read_bytes() == b"mine"
    assert cli("bench", "--json", "b.txt").code == 1 and len(measure) == 1


@pytest.mark.parametrize("arguments", [("--size", "8"), ("--steps", "0")])
def test_wrong_usage(cli, measure, arguments):
    assert cli("bench", *arguments).code == 2 and measure == []


GPU = {
    "machine": {
        "name": "Some GPU",
        "cpus": 16,
        "system": "Linux",
        "backend": "jax",
        "jax": "0.10",
        "keras": "3.15",
        "keras_dip": "0.1.0",
    },
    "peak_tflops": {"mixed_bfloat16": 700.0, "float32": None},
    "steps": [
        {
            "size": 256,
            "policy": "mixed_bfloat16",
            "compile_seconds": 21.5,
            "step_seconds": 0.00125,
            "tflops": 7.0,
            "share_of_peak": 0.01,
            "peak_bytes": 2**30,
        },
        {
            "size": 256,
            "policy": "float32",
            "compile_seconds": 20.0,
            "step_seconds": 0.0025,
            "tflops": 3.5,
            "share_of_peak": None,
            "peak_bytes": None,
        },
    ],
    "marks": [
        {
            "picture": "astronaut 512x512",
            "policy": "mixed_bfloat16",
            "compile_seconds": 30.0,
            "psnr_before": 20.86,
            "psnr": 31.25,
            "steps": 400,
            "stopped_by": "steps",
            "seconds": 2.5,
            "marks": [{"psnr": 30, "seconds": 1.25}, {"psnr": 32, "seconds": None}],
        }
    ],
    "one_at_a_time": {"size": 256, "pictures": 6, "per_minute": 40.0},
    "together": [
        {
            "what": "members of 512x512",
            "count": 4,
            "seconds": 3.0,
            "steps": 300.0,
            "seconds_of_one": 2.0,
            "steps_of_one": 400,
        },
        {
            "what": "pictures of 256x256",
            "count": 16,
            "seconds": 8.0,
            "steps": 400.0,
            "seconds_of_one": None,
            "steps_of_one": None,
        },
    ],
    "left_out": ["steps at 2048x2048, float32: no time was left"],
    "seconds": 400.0,
}


@pytest.fixture
def measure_gpu(monkeypatch):
    asked = []

    def fake(sizes, *, tell, **arguments):
        asked.append((sizes, arguments))
        return GPU

    module = ModuleType("keras_dip.gpu_benchmark")
    module.__dict__.update(measure=fake)
    monkeypatch.setitem(sys.modules, "keras_dip.gpu_benchmark", module)
    return asked


def test_the_table_of_a_gpu(cli, measure_gpu, folder):
    ran = cli("bench", "--gpu", "--minutes", "3", "--json", "b.json")

    assert ran.code == 0 and measure_gpu == [([], {"minutes": 3.0, "device": None})]
    assert json.loads((folder / "b.json").read_text()) == GPU
    assert [" ".join(line.split()) for line in ran.out.decode().splitlines()] == [
        "Some GPU, 16 CPU cores, Linux",
        "jax 0.10, Keras 3.15, keras_dip 0.1.0",
        "measured peak, of matrix products: mixed_bfloat16 700.00 TFLOP/s, float32 -",
        "one step of the default preset (memory: the most that was used so far):",
        "size precision step compilation TFLOP/s of peak memory",
        "256x256 mixed_bfloat16 1.25 ms 21.5 s 7.000 1.0 % 1024 MiB",
        "256x256 float32 2.50 ms 20.0 s 3.500 - -",
        "astronaut 512x512, mixed_bfloat16: from 20.86 to 31.25 dB, 400 steps in "
        "2.50 s (steps); with compilation a first fit takes 30.0 s more",
        "30 dB 1.25 s, 32 dB -",
        "pictures of 256x256 one at a time: 40.0 a minute",
        "4 members of 512x512 at once: 3.00 s, 300 steps each; one alone 2.00 s, 400 "
        "steps: a step of all is 2.00 of one alone",
        "16 pictures of 256x256 at once: 8.00 s, 400 steps each, 120.0 a minute",
        "left out: steps at 2048x2048, float32: no time was left",
        "measured in 400 s",
    ]


def test_minutes_belong_to_the_gpu(cli, measure):
    ran = cli("bench", "--minutes", "3")

    assert ran.code == 2 and "Expected --gpu beside --minutes" in ran.err
    assert measure == []
