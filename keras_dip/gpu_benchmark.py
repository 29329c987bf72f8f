"""What fits cost on a GPU, in one run that ends in time and needs no network.

Rows are measured one by one, the most telling first; a row that would take longer than
what is left of the minutes is left out and named. The same rows can be had of a CPU.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dip.arguments import device_scope
from keras_dip.benchmark import (
    NOISE,
    clean_picture,
    machine,
    model_for,
    noisy_picture,
    step_seconds,
)
from keras_dip.errors import KerasDipError
from keras_dip.fitting import REPORT_INTERVAL, PriorModel, forward_macs
from keras_dip.metrics import psnr
from keras_dip.models.hardware import gpus
from keras_dip.precision import FLOAT32, MIXED
from keras_dip.prior import DeepImagePrior
from keras_dip.settings import DEFAULT
from keras_dip.together import Together
from keras_dip.traces import Twins, shared_traces
from keras_dip.train_steps import of_backend

SIZES = (256, 512, 1024, 2048)
POLICIES = (MIXED, FLOAT32)
STEPS = 4 * REPORT_INTERVAL
MINUTES = 7.0

LARGEST_FIT, LARGEST_OF_MANY = 512, 256
"""Sides of the pictures that are restored to the end, and of those per minute."""

LARGE_FIT = 1024
"""Side of one more that is restored, if steps of this size are measured."""

MARKS = (28, 29, 30, 31, 32, 33, 34)
"""PSNR in dB. BM3D with known sigma (bm3d 4.0.3) brings the astronaut to 31.04."""

SIDE = {"gpu": 8192, "cpu": 1024}
"""Of the matrices whose product is the measure of what the device can do."""

PEAK_SECONDS = 0.5
MOST_PICTURES = 6
MEMBERS, MANY = 4, 16
"""Members of a restoration, and pictures, that are fitted at once."""

NO_TIME = 1e-3  # seconds after which a fit ends that only has to be compiled
LIMITS = (NO_TIME, None)
"""Seconds of the fits of a row: what is compiled in the first one is not measured."""


@dataclass
class Budget:
    """The minutes, and what did not go into them.

    Attributes:
        left_out: lines that say which row is missing, and why.
    """

    seconds: float
    tell: Callable[[str], None]
    left_out: list[str] = field(default_factory=list)
    _start: float = field(default_factory=time.perf_counter)
    _longest: dict[str, float] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Return the seconds that are left."""
        return self.seconds - (time.perf_counter() - self._start)

    def row(
        self, kind: str, what: str, measure: Callable[..., Any], *arguments: Any
    ) -> Any:
        """Return what `measure` returns; None if there is no time, or it fails.

        A row is begun where at least as much time is left as the longest row of its
        kind took.
        """
        if self.left <= self._longest.get(kind, 0.0):
            self.left_out.append(f"{what}: no time was left")
            return None
        self.tell(what)
        start = time.perf_counter()
        try:
            return measure(*arguments)
        except Exception as error:  # most likely memory; the other rows can still be
            first = (str(error).splitlines() or [""])[0][:200]
            self.left_out.append(f"{what}: {type(error).__name__} {first}".rstrip())
            return None
        finally:
            gc.collect()  # networks are cycles, which keep what is on the device
            seconds = time.perf_counter() - start
            self._longest[kind] = max(seconds, self._longest.get(kind, 0.0))


def measure(
    sizes: Sequence[int] = (),
    *,
    count: int = STEPS,
    minutes: float = MINUTES,
    device: str | None = None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Measure as many rows as the minutes allow; return plain data.

    Args:
        sizes: Sides of the pictures whose steps are measured, in pixels; of none,
            `SIZES`.
        count: How many steps are measured for each figure.
        minutes: After which no row is begun.
        device: "cpu" or "gpu"; None for the GPU.
        tell: Called with what is measured next.

    Raises:
        KerasDipError: If there is no GPU, and the CPU was not asked for.
    """
    if device != "cpu" and not gpus():
        raise KerasDipError(
            "Expected a GPU for --gpu. Received: a machine where Keras' backend, "
            f"{keras.config.backend()}, finds none (--device cpu --size 64 shows the "
            "same table of the CPU)."
        )
    sizes, kind = sorted(sizes or SIZES), device or "gpu"
    budget = Budget(60 * minutes, tell)
    with device_scope(kind):
        rows = _rows(sizes, count, kind, budget)
    return {
        "machine": {**machine(kind), "name": device_name(kind)},
        "preset": DEFAULT,
        **rows,
        "left_out": budget.left_out,
        "seconds": budget.seconds - budget.left,
    }


def _rows(sizes: list[int], count: int, kind: str, budget: Budget) -> dict[str, Any]:
    """Return all rows, measured in the order of how much they tell."""
    peaks = {
        policy: budget.row("peak", f"products, {policy}", peak_tflops, policy, kind)
        for policy in POLICIES
    }

    def steps(sizes: list[int]) -> list[Any]:
        # Upwards, and the smaller precision first: JAX cannot forget a peak.
        return [
            budget.row(
                *("steps", f"steps at {size}x{size}, {policy}", steps_row),
                *(size, policy, count, kind, peaks[policy]),
            )
            for size in sizes
            for policy in POLICIES
        ]

    most = min(LARGEST_FIT, sizes[-1])
    small = min(LARGEST_OF_MANY, sizes[-1])
    first = steps([size for size in sizes if size <= LARGEST_FIT])
    marks = [
        budget.row(
            *("fit", f"time to quality, {name}", marks_row),
            *(name, clean, kind, budget),
        )
        for name, clean in pictures(most, sizes)
    ]
    alone = budget.row(
        "many", f"{small}x{small} one at a time", one_at_a_time, small, kind, budget
    )
    several = []
    if PriorModel.takes_steps_together:
        several = [
            budget.row(
                "members",
                f"{MEMBERS} members of {most}x{most} at once",
                members_row,
                *(most, kind),
            ),
            budget.row(
                "pictures",
                f"{MANY} pictures of {small}x{small} at once",
                pictures_row,
                *(small, kind, alone),
            ),
        ]
    last = steps([size for size in sizes if size > LARGEST_FIT])
    return {
        "peak_tflops": peaks,
        "steps": [row for row in (*first, *last) if row],
        "marks": [row for row in marks if row],
        "one_at_a_time": alone,
        "together": [row for row in several if row],
    }


def device_name(kind: str) -> str:
    """Return what the maker calls the GPU, or "cpu"."""
    return of_backend().gpu_name() if kind == "gpu" else "cpu"


def peak_tflops(policy: str, kind: str) -> float:
    """Return the TFLOP/s of products of large square matrices in a precision.

    Float32 is what the backend makes of it: on NVIDIA's tensor cores TF32.
    """
    side = SIDE[kind]
    dtype = keras.dtype_policies.get(policy).compute_dtype
    seed = keras.random.SeedGenerator(0)
    x, y = (keras.random.normal((side, side), seed=seed) for _ in range(2))
    x, y = ops.cast(x, dtype), ops.cast(y / math.sqrt(side), dtype)

    def seconds(products: int) -> float:
        start, product = time.perf_counter(), x
        for _ in range(products):
            product = ops.matmul(product, y)  # of variance 1 again
        float(ops.cast(product[0, 0], "float32"))  # waits
        return time.perf_counter() - start

    seconds(1)
    products = int(np.clip(PEAK_SECONDS / seconds(2) * 2, 2, 500))
    best = min(seconds(products) for _ in range(3))
    return products * 2 * side**3 / best / 1e12


def steps_row(
    size: int, policy: str, count: int, kind: str, peak: float | None
) -> dict[str, Any]:
    """Return what a step of the default preset costs, its compilation apart.

    A step counts as three forward passes: one, and two of the same size backwards.
    """
    model = model_for(DEFAULT, size, kind, policy)
    start = time.perf_counter()
    model.take_steps(1)
    first = time.perf_counter() - start
    seconds = step_seconds(model, count, min(count, REPORT_INTERVAL))
    tflops = 3 * 2 * forward_macs(model.network) / seconds / 1e12
    return {
        "size": size,
        "policy": policy,
        "compile_seconds": max(first - seconds, 0.0),
        "step_seconds": seconds,
        "tflops": tflops,
        "share_of_peak": tflops / peak if peak else None,
        "peak_bytes": of_backend().peak_bytes() if kind == "gpu" else None,
    }


def pictures(size: int, sizes: Sequence[int] = ()) -> Iterator[tuple[str, np.ndarray]]:
    """Give clean pictures and their names; scikit-image brings the astronaut."""
    from skimage import data

    astronaut = data.astronaut()
    side = min(size, *astronaut.shape[:2])
    top, left = ((n - side) // 2 for n in astronaut.shape[:2])
    crop = astronaut[top : top + side, left : left + side] / 255
    yield f"astronaut {side}x{side}", crop
    for side in (size, *(side for side in sizes if side == LARGE_FIT)):
        yield f"waves {side}x{side}", clean_picture(side)


def marks_row(
    name: str, clean: np.ndarray, kind: str, budget: Budget
) -> dict[str, Any]:
    """Return when the default preset comes to which PSNR, from sigma 25.

    The clock of a restoration leaves out the comparing, and a first fit, which ends at
    once, the compilation.
    """
    noise = np.random.default_rng(0).normal(0, NOISE, clean.shape)
    noisy = np.rint(np.clip(clean + noise, 0, 1) * 255).astype("uint8")
    clean = clean.astype("float32")
    with shared_traces():
        first = DeepImagePrior(device=kind, time_limit=NO_TIME).fit(
            noisy, reference=clean
        )
        limit = max(budget.left, NO_TIME)
        fit = DeepImagePrior(device=kind, time_limit=limit).fit(noisy, reference=clean)
    curve, seconds = fit.history["psnr"], fit.history["seconds"]
    return {
        "picture": name,
        "policy": fit.settings["dtype_policy"],
        "compile_seconds": first.seconds,
        "psnr_before": psnr(noisy / np.float32(255), clean),
        "psnr": psnr(fit.image, clean),
        "steps": fit.steps,
        "stopped_by": fit.stopped_by,
        "seconds": float(seconds[-1]),
        "marks": [
            {"psnr": mark, "seconds": first_at(curve >= mark, seconds)}
            for mark in (*MARKS, round(float(curve.max()) - 0.1, 2))
        ],
    }


def first_at(reached: np.ndarray, seconds: np.ndarray) -> float | None:
    """Return the seconds of the first report that is true, or None."""
    return float(seconds[int(np.argmax(reached))]) if reached.any() else None


def one_at_a_time(size: int, kind: str, budget: Budget) -> dict[str, Any] | None:
    """Return how many pictures a minute restores, one after the other, compiled."""
    with shared_traces():
        DeepImagePrior(device=kind, time_limit=NO_TIME).fit(noisy_picture(size))
        start, done, steps = time.perf_counter(), 0, 0
        while done < MOST_PICTURES:
            seconds = (time.perf_counter() - start) / done if done else 0.0
            if budget.left <= seconds:
                break
            fit = DeepImagePrior(device=kind, seed=done).fit(noisy_picture(size))
            done, steps = done + 1, steps + fit.steps
        seconds = time.perf_counter() - start
    if not done:
        return None
    return {
        "size": size,
        "pictures": done,
        "per_minute": 60 * done / seconds,
        "steps": steps / done,
    }


def members_row(size: int, kind: str) -> dict[str, Any]:
    """Return what a restoration of one member costs, and one of several at once.

    Compiled, by the default preset; each member is stopped by its own rule, so that
    `steps` are those of each on average.
    """
    measured = {}
    for members in (1, MEMBERS):
        fit = partial(
            DeepImagePrior, device=kind, members=members, fit_together=members
        )
        with shared_traces(Twins()):
            for limit in LIMITS:
                whole = fit(time_limit=limit).fit(noisy_picture(size))
        measured[members] = (whole.seconds, whole.steps / members)
    (alone, steps_alone), (seconds, steps) = measured.values()
    return {
        "what": f"members of {size}x{size}",
        "count": MEMBERS,
        "seconds": seconds,
        "steps": steps,
        "seconds_of_one": alone,
        "steps_of_one": steps_alone,
    }


def pictures_row(
    size: int,
    kind: str,
    alone: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return what pictures of one size cost that are fitted at once, compiled."""

    def restore(seed: int, limit: float | None) -> int:
        prior = DeepImagePrior(device=kind, seed=seed, time_limit=limit)
        return prior.fit(noisy_picture(size)).steps

    with shared_traces(Twins()):
        for limit in LIMITS:
            start = time.perf_counter()
            fits = [partial(restore, seed, limit) for seed in range(MANY)]
            ends = Together(MANY).run(fits)
            for end in ends:
                if end.error is not None:
                    raise end.error
        seconds = time.perf_counter() - start
    return {
        "what": f"pictures of {size}x{size}",
        "count": MANY,
        "seconds": seconds,
        "steps": sum(end.result for end in ends) / MANY,
        "seconds_of_one": alone and 60 / alone["per_minute"],
        "steps_of_one": alone and alone["steps"],
    }
