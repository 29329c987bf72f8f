"""What a fit costs on this machine: steps, start-up and regeneration, in one run.

Figures of different machines, or of one machine at different times, say little; the
ratios of one run do.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_dip
from keras_dip.arguments import device_scope
from keras_dip.fitting import PriorModel
from keras_dip.member import Member, Plan, seeds_of
from keras_dip.metrics import psnr
from keras_dip.models.hardware import gpus
from keras_dip.precision import policy_for
from keras_dip.prior import DeepImagePrior
from keras_dip.settings import DEFAULT, resolve
from keras_dip.tasks.denoise import Denoise

REPORT = 2  # steps; the first ones are the warm-up
SIZE, STEPS = 256, 8  # unless others are asked for
NOISE = 25 / 255
COMMAND = "import sys; from keras_dip.cli import main; sys.exit(main())"
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
# TensorFlow first: its own choice about oneDNN, not ours.
PLAIN = "import tensorflow; from keras_dip import benchmark; benchmark.tell_plain()"


class Timer(keras.callbacks.Callback):
    """Notes the seconds per step of each call, those of the first report left out.

    The first call traces the train step, and memory is still being fetched.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.seconds: list[float] = []
        self._warm = False
        self._start, self._first_step = 0.0, 0

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Start the clock."""
        self._first_step = self.model.step
        self._start = time.perf_counter()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Stop the clock; asking for the step waits until the call is done."""
        steps = self.model.step - self._first_step
        seconds = time.perf_counter() - self._start
        if steps and self._warm:
            self.seconds.append(seconds / steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The first report ends the warm-up."""
        self._warm = True


def step_seconds(model: PriorModel, steps: int, interval: int = REPORT) -> float:
    """Return the median seconds of a step, over the calls of so many steps.

    They are taken in calls of at most `interval`; as many before them are the warm-up.
    """
    timer = Timer()
    model.take_steps(interval + steps, [timer], interval)
    return statistics.median(timer.seconds)


def clean_picture(size: int) -> np.ndarray:
    """Return waves and an edge, float64 in [0, 1], [size, size, 3]."""
    y, x = np.mgrid[0:size, 0:size] / size
    clean = np.stack([0.5 + 0.3 * np.sin(9 * i * x + 4 * y) for i in (1, 2, 3)], -1)
    clean[: size // 2, : size // 2] *= 0.6
    return clean


def noisy_picture(size: int) -> np.ndarray:
    """Return the clean one with noise of 25 grey levels, uint8 [size, size, 3]."""
    clean = clean_picture(size)
    noise = np.random.default_rng(0).normal(0, NOISE, clean.shape)
    return np.rint(np.clip(clean + noise, 0, 1) * 255).astype("uint8")


def model_for(
    preset: str, size: int, device: str | None = None, policy: str | None = None
) -> PriorModel:
    """Return the train step of a denoising preset, ready for the first step.

    `policy` takes the place of the dtype policy that the preset has.
    """
    task = Denoise(NOISE)
    problem = task.prepare(noisy_picture(size) / np.float32(255))
    settings = resolve(task, preset)
    policy = policy or policy_for(settings.dtype_policy, device)
    plan = Plan(task, replace(settings, dtype_policy=policy), device=device)
    return Member(plan, problem, seeds_of(0, 0)).model


def with_plain_layers(model: PriorModel) -> PriorModel:
    """Return the same fit with the layers and the Adam that Keras has."""

    def plain(layer: keras.layers.Layer) -> keras.layers.Layer:
        kinds = (keras.layers.BatchNormalization, keras.layers.Conv2D)
        kind = next((k for k in kinds if isinstance(layer, k)), type(layer))
        return kind.from_config(layer.get_config())

    network = keras.models.clone_model(model.network, clone_function=plain)
    other = PriorModel(
        network,
        model.data_term,
        keras.ops.convert_to_numpy(model.z),
        {k: keras.ops.convert_to_numpy(v) for k, v in model.observed.items()},
        jitter=model.jitter,
        average=model.average,
        average_from_first=model.average_from_first,
    )
    optimizer = keras.optimizers.Adam(float(model.optimizer.learning_rate))
    optimizer.build(network.trainable_variables)
    other.compile(optimizer=optimizer, jit_compile=False)
    return other


def tell_plain() -> None:
    """Print the seconds of a step with plain layers: argv is size, count and device."""
    size, count, device = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] or None
    with device_scope(device):
        model = with_plain_layers(model_for("paper", size, device))
        print(step_seconds(model, count))


def plain_seconds(size: int, count: int, device: str | None) -> float:
    """Return the seconds of a step as Keras and TensorFlow have it, without our help.

    Measured in a process of its own, as it begins with a setting of TensorFlow's.

    Raises:
        RuntimeError: if that process fails.
    """
    arguments = [str(size), str(count), device or ""]
    command = [sys.executable, "-P", "-c", PLAIN, *arguments]
    own = {key: text for key, text in os.environ.items() if key != ONEDNN}
    run = subprocess.run(command, capture_output=True, text=True, env=own)
    if run.returncode:
        told = run.stderr.strip().splitlines()
        raise RuntimeError(f"The fit with plain layers failed: {told[-1:]}")
    return float(run.stdout.split()[-1])


def quality(size: int, device: str | None = None) -> dict[str, float]:
    """Return how long the default preset takes to restore the noisy picture.

    Returns:
        `psnr_before` and `psnr` of the result, in dB; `seconds` of the whole fit, and
        `seconds_to_quality`, until it was within 0.1 dB of its best.
    """
    clean, noisy = clean_picture(size).astype("float32"), noisy_picture(size)
    restoration = DeepImagePrior(device=device).fit(noisy, reference=clean)
    curve = restoration.history["psnr"]
    reached = int(np.argmax(curve >= curve.max() - 0.1))
    return {
        "size": size,
        "psnr_before": psnr(noisy / np.float32(255), clean),
        "psnr": psnr(restoration.image, clean),
        "seconds": restoration.seconds,
        "seconds_to_quality": float(restoration.history["seconds"][reached]),
    }


def command_seconds(*arguments: str, calls: int = 3) -> float:
    """Return the median seconds of a keras-dip command, from start to exit."""
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        command = [sys.executable, "-P", "-c", COMMAND, *arguments]
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def regenerate_seconds(size: int) -> float:
    """Return the seconds from the default preset's ONNX file to a picture file."""
    restoration = DeepImagePrior(steps=1, members=1).fit(noisy_picture(size))
    with tempfile.TemporaryDirectory() as folder:
        file, picture = Path(folder, "file.onnx"), Path(folder, "picture.png")
        restoration.export(file)
        return command_seconds("regenerate", str(file), "-o", str(picture), "--force")


def measure(
    sizes: Sequence[int] = (),
    *,
    count: int = STEPS,
    device: str | None = None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Measure everything; return plain data.

    Args:
        sizes: Sides of the pictures, in pixels; of none, 256.
        count: How many steps are measured for each figure.
        device: "cpu" or "gpu"; None leaves it to TensorFlow.
        tell: Called with what is measured next.
    """
    steps, sizes = [], sizes or (SIZE,)
    with device_scope(device):
        for size in sizes:
            steps.append(_steps(size, count, device, tell))
        tell(f"time to quality at {sizes[0]}x{sizes[0]}")
        reached = quality(sizes[0], device)
        tell("commands")
        regenerated = regenerate_seconds(sizes[0])
    return {
        "machine": machine(device),
        "steps": steps,
        "quality": reached,
        "help_seconds": command_seconds("--help"),
        "regenerate": {"size": sizes[0], "seconds": regenerated},
    }


def _steps(
    size: int, count: int, device: str | None, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Return the seconds of a step of each kind at one size, and their ratios."""
    tell(f"{DEFAULT} at {size}x{size}")
    fast = step_seconds(model_for(DEFAULT, size, device), count)
    tell(f"paper at {size}x{size}")
    paper = step_seconds(model_for("paper", size, device), count)
    tell(f"paper with plain Keras layers at {size}x{size}")
    plain = plain_seconds(size, count, device)
    return {
        "size": size,
        "preset": DEFAULT,
        "preset_seconds": fast,
        "paper_seconds": paper,
        "plain_paper_seconds": plain,
        "paper_to_preset": paper / fast,
        "plain_to_fused": plain / paper,
    }


def machine(device: str | None) -> dict[str, Any]:
    """Return what was measured on, as plain data."""
    return {
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "device": device or ("gpu" if gpus() else "cpu"),
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": keras.config.backend(),
        keras.config.backend(): metadata.version(keras.config.backend()),
        "keras_dip": keras_dip.__version__,
    }
