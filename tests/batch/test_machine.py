import os

import pytest

from keras_dip.batch import machine
from keras_dip.batch.cluster import RayRunner

THREADS = "TF_NUM_INTRAOP_THREADS"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in (THREADS, "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("workers", "cores", "count", "threads"),
    [(3, 8, 3, "2"), (4, 2, 4, "1"), (1, 6, 1, "6"), (None, 1, 1, "1")],
)
def test_cores_are_shared(workers, cores, count, threads):
    made = machine.environments(workers, cores=cores, gpus=[])
    assert len(made) == count and {e[THREADS] for e in made} == {threads}
    assert "CUDA_VISIBLE_DEVICES" not in made[0]


def test_each_gpu_has_a_worker():
    made = machine.environments(None, cores=8, gpus=["0", "3"])
    assert [e["CUDA_VISIBLE_DEVICES"] for e in made] == ["0", "3"]
    assert made[0][THREADS] == "4" and "TF_FORCE_GPU_ALLOW_GROWTH" not in made[0]


def test_workers_that_share_a_gpu_share_its_memory():
    made = machine.environments(3, cores=8, gpus=["0", "1"])
    assert [e["CUDA_VISIBLE_DEVICES"] for e in made] == ["0", "1", "0"]
    assert {e["TF_FORCE_GPU_ALLOW_GROWTH"] for e in made} == {"true"}
    assert {e["XLA_PYTHON_CLIENT_PREALLOCATE"] for e in made} == {"false"}


def test_workers_without_gpus_are_kept_off_them():
    (made,) = machine.environments(None, cores=2, gpus=None)
    assert (made["CUDA_VISIBLE_DEVICES"], made["JAX_PLATFORMS"]) == ("-1", "cpu")
    (made,) = machine.environments(None, cores=2, gpus=[])
    assert "JAX_PLATFORMS" not in made


def test_threads_that_were_asked_for_stay(monkeypatch):
    monkeypatch.setenv(THREADS, "7")
    (made,) = machine.environments(1, cores=2, gpus=[])
    assert made[THREADS] == "7"


@pytest.mark.parametrize(
    ("visible", "expected"), [("", []), ("-1", []), ("2", ["2"]), ("1,0", ["1", "0"])]
)
def test_gpus_that_were_chosen(monkeypatch, visible, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert machine.gpus() == expected


@pytest.mark.skipif(os.name == "nt", reason="the program stands for nvidia-smi")
def test_gpus_that_the_driver_tells(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    lines = "GPU 0: NVIDIA A (UUID: x)\nGPU 1: NVIDIA A (UUID: y)"
    program.write_text(f"#!/bin/sh\necho '{lines}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert machine.gpus() == ["0", "1"]


def test_no_driver_no_gpus(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.gpus() == []


def test_the_backend_that_keras_would_take(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert machine.keras_backend() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert machine.keras_backend() == "jax"
    (tmp_path / "keras.json").write_text("[torn")
    assert machine.keras_backend() == "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert machine.keras_backend() == "jax"


@pytest.mark.parametrize(("share", "is_shared"), [(0.5, True), (1.0, False)])
def test_workers_of_a_cluster_have_our_backend_and_share_gpus(
    monkeypatch, share, is_shared
):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    told = RayRunner(str, "local", gpus=share)._environment()
    assert told["KERAS_BACKEND"] == "jax"
    assert ("XLA_PYTHON_CLIENT_PREALLOCATE" in told) is is_shared
