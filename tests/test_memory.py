"""What a fit needs of memory: estimated before it, and heeded."""

import gc
import subprocess
import sys
import weakref
from contextlib import nullcontext
from types import SimpleNamespace

import keras
import numpy as np
import psutil
import pytest

from keras_dip import DeepImagePrior, Operator, Reconstruct, memory
from keras_dip.benchmark import model_for
from keras_dip.errors import FitError
from keras_dip.fitting import PriorModel

PEAK = """
import sys, numpy as np
from pathlib import Path
from keras_dip import DeepImagePrior, memory
side, preset = int(sys.argv[1]), sys.argv[2]
picture = np.random.default_rng(0).random((side, side, 3), "float32")
prior = DeepImagePrior("denoise", preset=preset, steps=2, stop="none")
prior.fit(picture)
network = prior._traces._model.network
outputs = memory.outputs_per_pixel(network)
room = memory.room(picture.shape, None, "cpu")
status = dict(
    line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
)
print(int(status["VmHWM"].split()[0]) * 1024, room.needed(picture.shape, outputs))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("side", "preset"),
    [
        (384, "fast"),
        pytest.param(128, "fast", marks=pytest.mark.quality),
        pytest.param(768, "fast", marks=pytest.mark.quality),
        pytest.param(1024, "fast", marks=pytest.mark.quality),
        pytest.param(1536, "fast", marks=pytest.mark.quality),
        pytest.param(256, "paper", marks=pytest.mark.quality),
    ],
)
def test_the_estimate_is_within_a_quarter_of_the_peak(side, preset):
    result = subprocess.run(
        [sys.executable, "-c", PEAK, str(side), preset],
        capture_output=True,
        text=True,
        check=True,
    )
    peak, estimate = map(int, result.stdout.split())
    assert 0.75 * peak < estimate < 1.25 * peak


def test_outputs_are_counted_per_pixel(tiny_network):
    # hidden, norm and activation have 6 channels each, z has 2, the picture 3.
    assert memory.outputs_per_pixel(tiny_network(10, 12)) == 6 * 3 + 2 + 3


def test_a_tile_as_large_as_the_memory_allows():
    shape, outputs = (4000, 6000, 3), 268
    room = memory.Room(5 * 2**30)
    side = room.largest_tile(shape, outputs)
    assert side % 64 == 0
    assert room.needed(shape, outputs, (side, side)) <= room.limit
    larger = (side + 64, side + 64)
    assert room.needed(shape, outputs, larger) > room.limit
    assert memory.Room(memory.PROCESS).largest_tile(shape, outputs) is None


@pytest.fixture
def gpu(monkeypatch):
    """Let there be a GPU; return what sets how many bytes it tells of."""

    def be(size):
        backend = SimpleNamespace(memory_bytes=lambda: size)
        monkeypatch.setattr(memory, "of_backend", lambda: backend)

    monkeypatch.setattr(memory, "gpus", lambda: ["gpu:0"])
    return be


def test_on_a_gpu_it_is_the_gpus_memory_that_counts(gpu):
    gpu(10 * 2**30)
    shape = (512, 512, 3)
    found = memory.room(shape, None, None)
    assert (found.limit, found.name) == (8 * 2**30, "the GPU's memory")
    # A step of the default preset in float32, as seen on an H200 (docs/backends.md).
    seen = 272 * 2**20
    assert seen < found.needed(shape, 268) < 1.4 * seen
    assert memory.room(shape, 2**30, "gpu").limit == 2**30
    assert memory.room(shape, 2**30, "cpu") == memory.Room(2**30)
    # Of what the machine itself cannot hold there are no tiles.
    large = memory.room((10**6, 10**6, 3), None, None)
    assert large.name == "memory" and large.largest_tile((10**6, 10**6, 3), 268) is None
    gpu(None)
    assert memory.room(shape, 2**30, "gpu") == memory.Room(2**30)


def test_there_is_memory():
    assert memory.PROCESS / 4 < memory.available() < 2**50


@pytest.mark.parametrize(
    ("limit", "used", "dropped"),
    [
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_container_may_have_less(tmp_path, monkeypatch, limit, used, dropped):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    before = memory.available()
    folder = tmp_path / ("memory" if "bytes" in limit else "")
    folder.mkdir(exist_ok=True)
    (folder / limit).write_text("60000000\n")
    (folder / used).write_text("50000000\n")
    (folder / "memory.stat").write_text(f"anon 7\n{dropped} 20000000\nfile 9\n")
    own = psutil.Process().memory_info().rss
    assert memory.available() == pytest.approx(own + 30e6, abs=20e6)
    (folder / limit).write_text("max\n")
    assert memory.available() > before / 2


@pytest.fixture
def scarce(monkeypatch):
    """Let a process weigh nothing, so that small pictures can be too large."""
    make = memory.Room

    def light(limit, process=0, **options):
        return make(limit, process, **options)

    monkeypatch.setattr(memory, "Room", light)
    picture = np.random.default_rng(0).random((200, 200, 3), "float32")
    outputs = 3  # of the network "pixels"
    least = memory.Room(0).needed(picture.shape, outputs, (128, 128))
    return picture, least


def prior(task, limit, **options):
    options = {"network": "pixels", "stop": "none", **options}
    return DeepImagePrior(task, steps=1, max_memory=limit, **options)


def test_tiles_are_taken_where_the_memory_needs_them(scarce):
    picture, least = scarce
    assert prior(Reconstruct(), 2 * least).fit(picture).tiles is None
    restoration = prior(Reconstruct(), least + 50_000, tile_overlap=32).fit(picture)
    assert restoration.settings["tiles"]["side"] == [128, 128]


def test_tiles_are_taken_where_the_gpu_is_too_small(scarce, gpu):
    picture, _ = scarce
    tile = memory.COPIES_ON_GPU * 4 * 3 * 128**2  # bytes of the outputs
    gpu(int(tile / memory.SHARE_OF_GPU) + 1000)
    restoration = prior(Reconstruct(), None, tile_overlap=32).fit(picture)
    assert restoration.settings["tiles"]["side"] == [128, 128]
    gpu(int(tile))
    with pytest.raises(FitError, match=r"of the GPU's memory for 200x200 pixels"):
        prior(Reconstruct(), None).fit(picture)


def test_too_little_memory_says_what_helps(scarce, tiny_network):
    picture, least = scarce
    with pytest.raises(FitError, match=r"too little for tiles.*--max-memory"):
        prior(Reconstruct(), least - 1000).fit(picture)
    task = Operator(lambda x: x)
    with pytest.raises(FitError, match="cannot be cut into tiles"):
        prior(task, least + 50_000).fit(picture)
    network = tiny_network(200, 200)
    with pytest.raises(FitError, match="a network that cannot be cut"):
        prior(Reconstruct(), least, network=network).fit(picture)
    assert prior(task, least + 50_000, tile=0).fit(picture).tiles is None


@pytest.mark.parametrize(("dtype", "size"), [(None, 4), ("mixed_bfloat16", 2)])
@pytest.mark.parametrize(
    ("fits", "expected"), [(None, 1), (0.5, 1), (3.5, 3), (1e6, memory.MOST_TOGETHER)]
)
def test_fits_at_once_are_those_that_the_device_has_room_for(
    tiny_network, fits, expected, dtype, size
):
    network = tiny_network(64, 48, dtype=dtype)
    values = memory.outputs_per_pixel(network) * 64 * 48
    outputs = memory.COPIES_ON_GPU * size * values
    numbers = sum(np.prod(v.shape) for v in network.variables)
    one = outputs + 12 * numbers
    model = SimpleNamespace(
        free_memory=None if fits is None else int(fits * one),
        network=network,
        variables=network.variables,
        optimizer=SimpleNamespace(variables=[]),
    )
    assert memory.fits_together(model) == expected


@pytest.mark.parametrize(("size", "count", "measured"), [(512, 4, 598), (256, 16, 673)])
def test_fits_at_once_need_what_they_were_seen_to_need(size, count, measured):
    """MiB of the default preset in bfloat16, as JAX told on an H200 (docs/batch.md)."""
    model = model_for("fast", size, "cpu", "mixed_bfloat16")
    like = SimpleNamespace(
        network=model.network, variables=model.variables, optimizer=model.optimizer
    )
    like.free_memory = measured * 2**20
    assert memory.fits_together(like) < count
    like.free_memory = 1.6 * measured * 2**20
    assert memory.fits_together(like) >= count


class ResourceExhaustedError(Exception):
    """One of that name is what TensorFlow raises."""


@pytest.fixture
def restore(monkeypatch, scene):
    """Give a function that restores a picture, and fails as often at the end of it."""

    def run(*errors, steps=2, device=None, **settings):
        left, failed, devices = list(errors), [], []
        write_statistics = PriorModel.write_statistics

        def write(model, network, z):
            assert [kept() for kept in failed] == [None] * len(failed)
            if left:
                failed.append(weakref.ref(network))
                raise left.pop()("RESOURCE_EXHAUSTED, or quite another error")
            write_statistics(model, network, z)

        def scope(name):
            devices.append(name)
            return nullcontext()

        monkeypatch.setattr(PriorModel, "write_statistics", write)
        monkeypatch.setattr(keras, "device", scope)
        prior = DeepImagePrior(
            network="pixels", steps=steps, members=2, device=device, **settings
        )
        return prior.fit(scene(10, 12, 3)), devices, left

    return run


@pytest.fixture
def plenty(gpu):
    """Let there be a GPU for which no picture is too large."""
    gpu(2**50)


@pytest.fixture
def no_collector():
    """Let nothing be collected but on purpose."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("plenty", "no_collector")
@pytest.mark.parametrize("error", [RuntimeError, ResourceExhaustedError])
def test_what_does_not_fit_at_the_end_is_made_on_the_cpu(restore, error):
    expected, devices, _ = restore()
    assert devices == []
    with pytest.warns(UserWarning, match="finished picture.* is made on the CPU"):
        found, devices, _ = restore(error)
    assert devices == ["cpu:0"]
    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.uncertainty, expected.uncertainty)


@pytest.mark.usefixtures("plenty")
def test_so_are_iterates(restore):
    found, devices, left = restore(steps=75, snapshots=3, stop="none")
    step = next(step for step in found.snapshots if step != found.best_step)
    expected = found.picture_at(step)
    for look in (found.picture_at, lambda step: found.at(step).image):
        left.append(RuntimeError)
        with pytest.warns(UserWarning, match="is made on the CPU"):
            np.testing.assert_array_equal(look(step), expected)
    assert devices == ["cpu:0"] * 2


@pytest.mark.usefixtures("plenty")
def test_on_the_cpu_there_is_no_second_try(restore):
    with pytest.raises(RuntimeError, match="RESOURCE_EXHAUSTED"):
        restore(RuntimeError, device="cpu")


def test_nor_where_there_is_no_gpu(restore):
    with pytest.raises(RuntimeError, match="RESOURCE_EXHAUSTED"):
        restore(RuntimeError)


@pytest.mark.usefixtures("plenty")
def test_another_error_at_the_end_is_told(restore, monkeypatch):
    monkeypatch.setattr(memory, "NO_MEMORY", "what is not said")
    with pytest.raises(RuntimeError, match="quite another"):
        restore(RuntimeError)
