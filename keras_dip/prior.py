"""One restoration, from a degraded picture to the restored one.

The picture becomes a `Problem` of its task, a network and its input z are drawn from
one seed, `PriorModel` fits them, the average of the outputs is carried into the
network, and the network's own picture, which its ONNX file regenerates, is the result.
"""

import json
import platform
import time
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from importlib import metadata
from typing import Any

import keras
import numpy as np
from keras import ops

import keras_dip
from keras_dip import models, tasks
from keras_dip.consolidation import HURRIED_STEPS, STEPS, consolidate
from keras_dip.errors import FitError
from keras_dip.fitting import PriorModel
from keras_dip.history import HistoryRecorder
from keras_dip.images import PictureType, as_picture
from keras_dip.latents import Latent, latent_channels, make_latent
from keras_dip.models.copies import copy_for, in_float32
from keras_dip.models.fused import Adam, write_statistics
from keras_dip.progress import PlainDisplay, ProgressCallback
from keras_dip.recovery import ATTEMPTS, Recovery
from keras_dip.restoration import Restoration, Source
from keras_dip.settings import DEFAULT, Settings, resolve

DEVICES = (None, "cpu", "gpu")


class DeepImagePrior:
    """Restores single pictures by fitting an untrained network to each.

    Args:
        task: a task object such as `Denoise()`, `SuperResolve(factor=4)` or
            `Inpaint(mask)`, or the name of a task that needs no argument.
        network: "skip", "hourglass", or a Keras model from z [1, h, w, c] to the
            restored picture [1, H, W, C]; it is copied, its weights are the start.
            None for the preset's.
        preset: name of a recipe; `keras_dip.presets()` lists them by task.
        steps: number of steps instead of the preset's.
        learning_rate: learning rate of Adam instead of the preset's.
        seed: seed of weights, z and jitter: the same seed, machine and version give the
            same picture.
        callbacks: Keras callbacks; an epoch is a report, every 50 steps.
        verbose: 1 prints a line per report on stderr, 0 nothing.
        device: "cpu" or "gpu"; None leaves it to TensorFlow.
        latent: kind of z instead of the preset's: "noise", "normal", "meshgrid",
            "fourier", "picture", "picture+noise", or a picture to be z itself.
        dtype_policy: "float32" or "mixed_bfloat16" (or another Keras policy).
        jit_compile: whether to compile the train step with XLA.

    Raises:
        ValueError: if an argument is none of these.
    """

    def __init__(
        self,
        task: tasks.Task | str = "denoise",
        *,
        network: str | keras.Model | None = None,
        preset: str = DEFAULT,
        steps: int | None = None,
        learning_rate: float | None = None,
        seed: int = 0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: int = 0,
        device: str | None = None,
        latent: Any = None,
        dtype_policy: str = "float32",
        jit_compile: bool = False,
    ) -> None:
        """Check the arguments; nothing heavy happens before `fit`."""
        self.task = _task(task)
        self.network = network
        is_model = network is None or isinstance(network, keras.Model)
        if not is_model and network not in models.names():
            raise ValueError(
                f"Expected a network of {', '.join(models.names())}, or a keras.Model. "
                f"Received: {network!r}"
            )
        self.preset = preset
        self.settings: Settings = resolve(
            self.task,
            preset,
            network=network if isinstance(network, str) else None,
            latent=latent if latent is None or isinstance(latent, str) else "picture",
            steps=_positive_int("steps", steps),
            learning_rate=_positive("learning_rate", learning_rate),
        )
        is_integer = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
        if not is_integer or seed < 0:
            raise ValueError(f"Expected seed as an integer >= 0. Received: {seed!r}")
        if device not in DEVICES:
            raise ValueError(f"Expected device 'cpu' or 'gpu'. Received: {device!r}")
        self.seed = int(seed)
        self.latent = None
        if latent is not None and not isinstance(latent, str):
            self.latent = as_picture(latent)[0][np.newaxis]
        self.callbacks = list(callbacks)
        self.verbose = verbose
        self.device = device
        self.dtype_policy = keras.dtype_policies.get(dtype_policy).name
        self.jit_compile = jit_compile
        self.restoration: Restoration | None = None

    def fit(self, img: Any, *, reference: Any = None) -> Restoration:
        """Restore a picture.

        Args:
            img: [H, W] or [H, W, C] array of uint8, uint16 or floats in [0, 1], or a
                Pillow image, whose alpha (unless it is the mask) is set aside.
            reference: the ground truth, of the restored picture's shape; used for the
                curves `psnr` and `ssim` alone, never for the fit.

        Returns:
            The restoration; after a KeyboardInterrupt the one of the best state so far.
            It is also kept as `restoration` when a callback raises.

        Raises:
            ValueError: if the picture, the mask or the reference is unusable.
        """
        self.restoration = None
        picture, kind = self._picture(img)
        problem = self.task.prepare(picture)
        target = _reference(reference, problem.shape)
        with _device(self.device):
            return self._fit(problem, kind, target)

    def _fit(
        self, problem: tasks.Problem, kind: PictureType, target: np.ndarray | None
    ) -> Restoration:
        start = time.perf_counter()
        model, latent = self._model(problem, kind)

        def finish(x: Any) -> Any:
            # Arrays: a traced graph takes them as constants, tensors as inputs.
            return self.task.finish(x, problem.observed)

        def current_picture() -> np.ndarray:
            return _to_picture(finish(ops.convert_to_tensor(model.averaged_output)))

        recovery = Recovery()
        recorder = HistoryRecorder(current_picture, target)
        end, error = _run(
            model, self.settings.steps, self._callbacks(recovery, recorder)
        )
        if recovery.settle() and not recovery.has_good_state:
            raise error or FitError(
                "The loss was not a finite number before the first report. Try a "
                "smaller learning_rate."
            )

        if self.settings.average:
            steps = HURRIED_STEPS if end == "interrupt" else STEPS
            consolidate(model.network, latent.values, model.averaged_output, steps)
        network = in_float32(model.network)
        write_statistics(network, latent.values)
        image = _to_picture(finish(network(latent.values, training=False)))
        stopped_by, reason = self._ending(end, model, recovery)
        self.restoration = Restoration(
            image=image[..., 0] if kind.rank == 2 else image,
            z=latent.values,
            history=recorder.history,
            settings=self._record(problem, network),
            steps=model.step + recovery.lost_steps,
            best_step=model.step,
            stopped_by=stopped_by,
            stop_reason=reason,
            seconds=time.perf_counter() - start,
            source=Source(network, latent, finish, kind.dtype),
        )
        if error is not None:
            raise error
        return self.restoration

    def _picture(self, img: Any) -> tuple[np.ndarray, PictureType]:
        """Return [h, w, c] floats; alpha comes back as a channel if it is the mask."""
        picture, kind = as_picture(img)
        if self.task.takes_alpha and kind.alpha is not None:
            picture = np.concatenate([picture, kind.alpha[..., np.newaxis]], axis=-1)
        return picture, kind

    def _model(
        self, problem: tasks.Problem, kind: PictureType
    ) -> tuple[PriorModel, Latent]:
        """Build network, z and train step from the settings and the seed."""
        settings = self.settings
        network_seed, latent_seed, jitter_seed = (
            int(s) for s in np.random.SeedSequence(self.seed).generate_state(3) >> 1
        )
        network = self._network(problem, network_seed)
        latent = self._latent(problem, kind, network, latent_seed)
        model = PriorModel(
            network,
            self.task.data_term,
            latent.values,
            problem.observed,
            jitter=settings.jitter,
            recorruption=settings.recorruption,
            sigma=problem.sigma or 0.0,
            average=settings.average,
            average_from_first=settings.average_from_first,
            seed=jitter_seed,
        )
        optimizer: Any = Adam(settings.learning_rate, beta_2=settings.beta_2)
        if keras.dtype_policies.get(self.dtype_policy).compute_dtype == "float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(network.trainable_variables)
        model.compile(optimizer=optimizer, jit_compile=self.jit_compile)
        return model, latent

    def _network(self, problem: tasks.Problem, seed: int) -> keras.Model:
        height, width, channels = problem.shape
        if isinstance(self.network, keras.Model):
            return copy_for(self.network, problem.shape)
        return models.build(
            self.settings.network,
            (height, width),
            input_channels=latent_channels(
                self.settings.latent,
                self.settings.latent_channels,
                self._given(problem),
            ),
            output_channels=channels,
            seed=seed,
            dtype=self.dtype_policy,
            **self.settings.network_options,
        )

    def _given(self, problem: tasks.Problem) -> np.ndarray:
        """Return the picture that z may be made from, [1, h, w, c]."""
        return problem.guess if self.latent is None else self.latent

    def _latent(
        self,
        problem: tasks.Problem,
        kind: PictureType,
        network: keras.Model,
        seed: int,
    ) -> Latent:
        """Draw z at the size, and for the channels, that the network takes."""
        _, *size, channels = network.input_shape
        given = self._given(problem)
        name = self.settings.latent
        drawn = channels - given.shape[-1] if name == "picture+noise" else channels
        latent = None
        if drawn > 0:
            levels = 256 if kind.dtype == "uint8" else 65536
            latent = make_latent(name, tuple(size), drawn, seed, given, levels)
        if latent is None or latent.codes.shape[-1] != channels:
            raise ValueError(
                f"Expected a network whose input has room for z, {name!r} made from a "
                f"picture of {given.shape[-1]} channels. Received: an input of "
                f"{channels} channels. latent='noise' suits any number"
            )
        return latent

    def _callbacks(self, *ours: keras.callbacks.Callback) -> list[Any]:
        told = [ProgressCallback(PlainDisplay())] if self.verbose else []
        return [*ours, *told, *self.callbacks]

    def _ending(
        self, end: str, model: PriorModel, recovery: Recovery
    ) -> tuple[str, str]:
        """Return what stopped the fit, as a word and as a sentence."""
        planned, step = self.settings.steps, model.step
        if recovery.gave_up:
            reason = f"The loss fell apart {ATTEMPTS + 1} times; step {step} is kept."
            warnings.warn(reason, RuntimeWarning, stacklevel=4)
            return "diverged", reason
        if end == "steps" and step + recovery.lost_steps >= planned:
            return "steps", f"All {planned} steps were taken."
        if end == "steps":
            return "callback", f"A callback stopped the fit at step {step}."
        verb = {"interrupt": "was interrupted", "error": "met an error"}[end]
        return end, f"The fit {verb} at step {step} of {planned}."

    def _record(self, problem: tasks.Problem, network: keras.Model) -> dict[str, Any]:
        """Return all settings as plain data."""
        numbers = asdict(self.settings)
        if isinstance(self.network, keras.Model):
            numbers["network"] = network.name
            numbers["network_options"] = {}
        record = {
            "task": self.task.name,
            "task_options": self.task.settings(),
            "preset": self.preset,
            "seed": self.seed,
            **numbers,
            "shape": list(problem.shape),
            "dtype_policy": self.dtype_policy,
            "device": self.device,
            "versions": {
                "keras_dip": keras_dip.__version__,
                "keras": keras.__version__,
                keras.config.backend(): metadata.version(keras.config.backend()),
                "python": platform.python_version(),
            },
        }
        plain: dict[str, Any] = json.loads(json.dumps(record, default=str))
        return plain


def _run(
    model: PriorModel, steps: int, callbacks: list[Any]
) -> tuple[str, Exception | None]:
    """Fit; return how it ended and what a callback raised, if one did."""
    try:
        model.take_steps(steps, callbacks)
    except KeyboardInterrupt:
        if model.step == 0:
            raise
        return "interrupt", None
    except Exception as error:
        if model.step == 0:
            raise
        return "error", error
    return "steps", None


def _task(task: tasks.Task | str) -> tasks.Task:
    """Return a task object from an object or a name."""
    if isinstance(task, tasks.Task):
        return task
    if not isinstance(task, str):
        raise ValueError(
            f"Expected a task or the name of one: {', '.join(tasks.names())}. "
            f"Received: {task!r}"
        )
    declared = tasks.declaration(task)
    needed = [option.name for option in declared.options if option.required]
    if needed:
        arguments = ", ".join(f"{name}=..." for name in needed)
        raise ValueError(
            f"Expected a task object, {declared.class_name}({arguments}), because it "
            f"needs an argument. Received: {task!r}"
        )
    return tasks.get(task)()


def _positive_int(name: str, value: Any) -> Any:
    is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if value is not None and (not is_integer or value < 1):
        raise ValueError(f"Expected {name} as an integer >= 1. Received: {value!r}")
    return None if value is None else int(value)


def _positive(name: str, value: Any) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is not None and (not is_number or not 0 < value < float("inf")):
        raise ValueError(f"Expected {name} as a number above 0. Received: {value!r}")
    return value


def _reference(reference: Any, shape: tuple[int, int, int]) -> np.ndarray | None:
    if reference is None:
        return None
    picture, _ = as_picture(reference)
    if picture.shape != shape:
        raise ValueError(
            "Expected a reference of the restored picture's shape, "
            f"{shape}. Received: {picture.shape}"
        )
    return picture


def _device(device: str | None) -> AbstractContextManager[Any]:
    if device is None:
        return nullcontext()
    if device == "gpu" and not keras.distribution.list_devices("gpu"):
        raise ValueError(
            "Expected device='gpu' only where TensorFlow finds a GPU. "
            "Received: a machine where it finds none"
        )
    return keras.device(f"{device}:0")


def _to_picture(x: Any) -> np.ndarray:
    """Return a tensor [1, H, W, C] as an array [H, W, C], clipped to [0, 1]."""
    array: np.ndarray = ops.convert_to_numpy(x)[0]
    return array.clip(0.0, 1.0)
