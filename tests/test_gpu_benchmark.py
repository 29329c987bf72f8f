import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from keras_dip import gpu_benchmark
from keras_dip.errors import KerasDipError
from keras_dip.fitting import PriorModel
from keras_dip.gpu_benchmark import Budget, first_at, marks_row, measure
from keras_dip.tasks.denoise import Denoise

SMALL = {
    "network_options": {
        "down_channels": (4,),
        "up_channels": (4,),
        "skip_channels": (2,),
    },
    "steps": 50,
}

ALONE = """
import json, sys
for name in ("tensorflow", "tf2onnx", "onnxruntime"):
    sys.modules[name] = None  # to import it is an error
from dataclasses import replace
from keras_dip import gpu_benchmark
from keras_dip.tasks.denoise import Denoise
declared = Denoise.declaration
presets = {n: {**p, **SMALL} for n, p in declared.presets.items()}
Denoise.declaration = replace(declared, presets=presets)
gpu_benchmark.SIDE = {"cpu": 64}
# As little as uses every part once: each shape is compiled anew.
gpu_benchmark.POLICIES, gpu_benchmark.MOST_PICTURES = ("float32",), 1
gpu_benchmark.MEMBERS = gpu_benchmark.MANY = 2
clean = gpu_benchmark.clean_picture(32)
gpu_benchmark.pictures = lambda size, sizes: [("waves", clean)]
rows = gpu_benchmark.measure([32], count=2, device="cpu", tell=lambda what: None)
assert not rows["left_out"], rows["left_out"]
print(json.dumps(rows))
"""


@pytest.fixture
def small(monkeypatch):
    """Make the presets and the matrices small."""
    declared = Denoise.declaration
    presets = {name: {**p, **SMALL} for name, p in declared.presets.items()}
    monkeypatch.setattr(Denoise, "declaration", replace(declared, presets=presets))
    monkeypatch.setattr(gpu_benchmark, "SIDE", {"cpu": 64})
    monkeypatch.setattr(gpu_benchmark, "PEAK_SECONDS", 0.01)


def test_all_rows_of_the_cpu(small):
    told = []

    rows = measure([48, 32], count=2, device="cpu", tell=told.append)

    assert rows["left_out"] == []
    assert [(row["size"], row["policy"]) for row in rows["steps"]] == [
        (32, "mixed_bfloat16"), (32, "float32"),
        (48, "mixed_bfloat16"), (48, "float32"),
    ]  # fmt: skip
    for row in rows["steps"]:
        peak = rows["peak_tflops"][row["policy"]]
        assert row["share_of_peak"] == pytest.approx(row["tflops"] / peak)
        assert row["tflops"] > 0 and row["peak_bytes"] is None
    # 48 x 48 pixels are 2.25 times the multiply-adds.
    work = [row["tflops"] * row["step_seconds"] for row in rows["steps"]]
    assert work[2] / work[0] == pytest.approx(48**2 / 32**2, rel=0.1)
    assert [row["picture"] for row in rows["marks"]] == [
        "astronaut 48x48", "waves 48x48",
    ]  # fmt: skip
    assert bool(rows["together"]) is PriorModel.takes_steps_together
    assert rows["one_at_a_time"]["pictures"] == gpu_benchmark.MOST_PICTURES
    assert rows["machine"]["name"] == "cpu"
    assert "steps at 32x32, float32" in told


@pytest.mark.parametrize("device", [None, "gpu"])
def test_without_a_gpu_it_says_so(monkeypatch, device):
    monkeypatch.setattr(gpu_benchmark, "gpus", lambda: [])

    with pytest.raises(KerasDipError, match=r"Expected a GPU for --gpu. .* finds none"):
        measure(device=device, tell=print)


def test_no_minutes_leave_every_row_out_by_name():
    told = []

    rows = measure([32], minutes=1e-9, device="cpu", tell=told.append)

    assert told == [] and rows["steps"] == rows["marks"] == []
    assert rows["one_at_a_time"] is None
    assert "steps at 32x32, float32: no time was left" in rows["left_out"]
    assert len(rows["left_out"]) == 7 + 2 * PriorModel.takes_steps_together


def test_a_row_is_begun_only_if_the_longest_of_its_kind_would_fit(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(gpu_benchmark.time, "perf_counter", lambda: now[0])
    budget = Budget(100, lambda what: None, _start=0.0)

    def lasting(seconds):
        now[0] += seconds
        return seconds

    assert budget.row("fit", "first", lasting, 60) == 60
    assert budget.row("fit", "second", lasting, 1) is None
    assert budget.row("steps", "third", lasting, 30) == 30
    assert budget.left == 10 and budget.left_out == ["second: no time was left"]


def test_a_row_that_fails_leaves_the_others(monkeypatch):
    def too_large():
        raise MemoryError("out of it\nand a long story")

    budget = Budget(100, lambda what: None)

    assert budget.row("steps", "2048x2048", too_large) is None
    assert budget.row("steps", "32x32", lambda: 1) == 1
    assert budget.left_out == ["2048x2048: MemoryError out of it"]


def test_marks_are_read_off_the_curve_of_the_second_fit(monkeypatch):
    clean = np.full((8, 8, 3), 0.5)
    asked = []

    def fit(self, noisy, *, reference):
        asked.append(self.time_limit)
        history = {"psnr": [25, 29.5, 31.5, 31], "seconds": [1, 2, 3, 4]}
        return SimpleNamespace(
            history={name: np.asarray(curve) for name, curve in history.items()},
            image=reference + 0.1,
            seconds=7.0,
            steps=100,
            settings={"dtype_policy": "float32"},
            stopped_by="fission",
        )

    monkeypatch.setattr(gpu_benchmark.DeepImagePrior, "fit", fit)

    row = marks_row("grey", clean, "cpu", Budget(50, print))

    assert asked[0] == gpu_benchmark.NO_TIME and 40 < asked[1] <= 50
    found = {mark["psnr"]: mark["seconds"] for mark in row["marks"]}
    assert (found[28], found[29], found[30], found[31.4]) == (2, 2, 3, 3)
    assert found[32] is None
    assert (row["seconds"], row["compile_seconds"]) == (4, 7)
    assert row["psnr"] == pytest.approx(20, abs=1e-3)


def test_what_was_never_reached_has_no_seconds():
    assert first_at(np.array([False, False]), np.array([1.0, 2.0])) is None


def test_with_jax_nothing_of_tensorflow_is_needed(jax_environment):
    program = ALONE.replace("SMALL", repr(SMALL))
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=jax_environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    rows = json.loads(run.stdout)
    assert rows["machine"]["backend"] == "jax"
    members, pictures = rows["together"]
    for row in (members, pictures):
        # The rules may stop a fit before its last step.
        assert (row["count"], row["steps"] <= SMALL["steps"]) == (2, True)
        assert row["seconds"] > 0 and row["seconds_of_one"] > 0
    assert pictures["steps_of_one"] == rows["one_at_a_time"]["steps"]
