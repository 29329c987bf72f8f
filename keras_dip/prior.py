"""One restoration, from a degraded picture to the restored one.

The picture becomes a `Problem` of its task; a network and its input z are drawn from
one seed and fitted (`Member`) until a stopping rule is content; the network's own
picture of z, which its ONNX file regenerates, is the result. With several members the
result is the mean of their pictures, which is one network too.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from keras_dip import arguments, memory, tasks, tiled
from keras_dip.checkpoint import Checkpoint
from keras_dip.errors import FitError
from keras_dip.finishing import Finishing
from keras_dip.history import joined
from keras_dip.identity import identity_of
from keras_dip.images import PictureType, as_picture
from keras_dip.interrupts import held_back
from keras_dip.latents import GIVEN
from keras_dip.member import UNFINISHED, Builder, Plan, finisher, network_of
from keras_dip.members import Members, Run
from keras_dip.models.copies import policy_of
from keras_dip.models.offset import CHOICES
from keras_dip.precision import policy_for
from keras_dip.progress import PlainDisplay, ProgressCallback
from keras_dip.records import evidence_of, settings_of
from keras_dip.restoration import Restoration, Source
from keras_dip.settings import DEFAULT, Settings, jittered, resolve, suited
from keras_dip.snapshots import of_all
from keras_dip.stopping import NAMES
from keras_dip.tiles import OVERLAP, Tiling, Window
from keras_dip.traces import Twins, traces_in_force
from keras_dip.train_steps import AUTO
from keras_dip.warm_start import Weights, weights_of

SNAPSHOTS_IF_WHOLE, SNAPSHOTS = "auto", 8

PROBE = 256
"""Side of the picture whose network shows what a pixel costs, where that matters."""


@dataclass(frozen=True, eq=False)
class _Work:
    """A picture that is ready to be fitted, whole (`tiles` is None) or cut."""

    plan: Plan
    problem: tasks.Problem
    run: Run
    tiles: Tiling | None


class DeepImagePrior:
    """Restores single pictures by fitting an untrained network to each.

    Args:
        task: a task object such as `Denoise()`, `SuperResolve(factor=4)` or
            `Inpaint(mask)`, or the name of a task that needs no argument.
        network: one of `keras_dip.models.names()`; or a Keras model from z [1, h, w, c]
            to the restored picture [1, H, W, C], which is copied, its weights the
            start; or a function that returns such a model, called with image_size and
            the keywords input_channels, output_channels, seed and dtype. None for the
            preset's.
        preset: name of a recipe: "fast", "best" (the mean of several fits) or "paper"
            (as published; inpainting has variants of it).
        steps: largest number of steps instead of the preset's.
        learning_rate: learning rate of Adam instead of the preset's.
        stop: stopping rule instead of the preset's: "auto", "fission", "wmv", "emv",
            "heldout", "discrepancy", "plateau" (see `keras_dip.stopping`) or "none".
        time_limit: seconds after which the fit ends with the best picture so far; what
            follows it takes some more. None for no limit.
        members: number of fits with different seeds whose pictures are averaged,
            instead of the preset's; with a Keras model as network they differ in the
            noise of their steps alone.
        snapshots: about how many iterates `Restoration.at` can give, log-spaced; 0 for
            none, "auto" for 8 where the picture is not cut into tiles.
        blend: share of the input in the result, 0 to 1 (for super-resolution of the
            bicubic enlargement, for inpainting of the roughly filled picture).
        seed: seed of weights, z and jitter: the same seed, machine and version give the
            same picture (if TensorFlow was not imported before keras_dip, which lets
            it use oneDNN).
        callbacks: Keras callbacks; an epoch is a report, every 25 steps.
        verbose: 1 prints a line per report on stderr, 0 nothing.
        device: "cpu" or "gpu"; None leaves it to Keras' backend.
        latent: kind of z instead of the preset's: "noise", "normal", "meshgrid",
            "fourier", "picture", "picture+noise", or a picture to be z itself.
        dtype_policy: "float32" or "mixed_bfloat16" (or another Keras policy) instead of
            the preset's; "auto" is mixed_bfloat16 where the processor or the GPU has
            units for it, as it is with "fast" and "best". A Keras model as network
            keeps its own. The finished network is float32.
        optimize: what is fitted: "net", the network's weights; "input", an offset on z
            alone; or "net+input", both.
        optimizer: a Keras optimizer, or the name of one, instead of Adam with the
            published epsilon; its learning rate is its own.
        regularizer: an explicit prior R(x) that is added to the data term, or several,
            in place of the preset's; () for none:
            `keras_dip.regularizers.TotalVariation(weight)`, `Tikhonov(weight)` or any
            function of keras.ops from a picture [1, H, W, C] to a scalar.
        jit_compile: whether XLA compiles the train step: True, False, or "auto" for
            where the fit runs on a GPU. With JAX it always does.
        tile: largest side in pixels of the restored picture that is fitted at once,
            128 or more; larger pictures are cut into overlapping tiles. 0 for none;
            None for tiles only where the memory does not suffice.
        tile_overlap: pixels that neighbouring tiles share at least, up to half a tile.
        max_memory: bytes that the process may use, with JAX on a GPU of that; None for
            what the machine has left, and for most of what JAX may have of the GPU.
        fit_together: how many members are fitted at the same time, each step of all in
            one call; None for as many as the memory of a GPU suffices for, and for one
            on a CPU. It needs JAX as backend of Keras; TensorFlow, and callbacks of
            your own, take one member after the other.

    Raises:
        ValueError: if an argument is none of these.
    """

    def __init__(
        self,
        task: tasks.Task | str = "denoise",
        *,
        network: str | keras.Model | Builder | None = None,
        preset: str = DEFAULT,
        steps: int | None = None,
        learning_rate: float | None = None,
        stop: str | None = None,
        time_limit: float | None = None,
        members: int | None = None,
        snapshots: int | str = 0,
        blend: float = 0.0,
        seed: int = 0,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: int = 0,
        device: str | None = None,
        latent: Any = None,
        dtype_policy: str | None = None,
        optimize: str | None = None,
        optimizer: keras.optimizers.Optimizer | str | None = None,
        regularizer: Any = None,
        jit_compile: bool | str = AUTO,
        tile: int | None = None,
        tile_overlap: int = OVERLAP,
        max_memory: int | None = None,
        fit_together: int | None = None,
    ) -> None:
        """Check the arguments; nothing heavy happens before `fit`."""
        self._given = arguments.in_python(DeepImagePrior.__init__, locals())
        self.task = arguments.task_from(task)
        arguments.check_network(network)
        arguments.check_device(device)
        if stop is not None and stop not in NAMES:
            raise ValueError(f"Expected stop of {', '.join(NAMES)}. Received: {stop!r}")
        is_given = latent is not None and not isinstance(latent, str)
        rate = learning_rate
        self.preset = preset
        self.settings: Settings = resolve(
            self.task,
            preset,
            network=network if isinstance(network, str) else None,
            latent=GIVEN if is_given else latent,
            steps=None if steps is None else arguments.integer("steps", steps, 1),
            learning_rate=(
                None if rate is None else arguments.positive("learning_rate", rate)
            ),
            dtype_policy=arguments.dtype_policy(dtype_policy),
            optimize=arguments.choice("optimize", optimize, CHOICES),
            stop=stop,
            members=(
                None if members is None else arguments.integer("members", members, 1)
            ),
        )
        self.snapshots_if_whole = snapshots == SNAPSHOTS_IF_WHOLE
        self.snapshots = (
            SNAPSHOTS
            if self.snapshots_if_whole
            else arguments.integer("snapshots", snapshots, 0)
        )
        self.time_limit = time_limit
        if time_limit is not None:
            self.time_limit = arguments.positive("time_limit", time_limit)
        self.blend = arguments.share("blend", blend)
        self.seed = arguments.integer("seed", seed, 0)
        self.network = None if isinstance(network, str) else network
        self._latent: np.ndarray | None = None
        if is_given:
            self._latent, _ = as_picture(latent)
        self.callbacks = list(callbacks)
        self.verbose = verbose
        self.device = device
        self.optimizer = arguments.optimizer_from(optimizer)
        if regularizer is not None:
            self.settings = replace(self.settings, total_variation=0.0)
        self.regularizers = arguments.regularizers(
            () if regularizer is None else regularizer
        )
        self.jit_compile = arguments.jit_compile(jit_compile)
        self.tile, self.tile_overlap = arguments.tiles(tile, tile_overlap)
        self.max_memory = max_memory
        if max_memory is not None:
            self.max_memory = arguments.integer("max_memory", max_memory, 1)
        self.fit_together = fit_together
        if fit_together is not None:
            self.fit_together = arguments.integer("fit_together", fit_together, 1)
        self._traces = traces_in_force()
        self._twins = self._traces if isinstance(self._traces, Twins) else Twins()
        self.restoration: Restoration | None = None

    def fit(
        self,
        img: Any,
        *,
        reference: Any = None,
        warm_start: Any = None,
        checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    ) -> Restoration:
        """Restore a picture.

        Args:
            img: [H, W] or [H, W, C] array of uint8, uint16 or floats in [0, 1], or a
                Pillow image, whose alpha (unless it is the mask) is set aside. A JPEG
                fresh from `PIL.Image.open` tells the task how it was coded.
            reference: the ground truth, of the restored picture's shape; used for the
                curves `psnr` and `ssim` alone, never for the fit.
            warm_start: the `Restoration` of a similar picture, or a `.keras` file that
                its `export` wrote: the fit begins with those weights. With the same
                settings and seed, far fewer steps do.
            checkpoint: a folder, or a `Checkpoint`, that keeps the progress on disk
                every minute. If it holds that of an earlier run which did not come to
                its end, with the same picture and settings, this one continues it, to
                the same picture; a time limit counts from here, and what callbacks of
                your own have noted is not kept. At the end the folder is emptied; of a
                `Checkpoint`, that is left to who made it, when the result is safe.

        Returns:
            The restoration; after a KeyboardInterrupt the one of the best state so far.
            It is also kept as `restoration` when a callback raises.

        Raises:
            ValueError: if the picture, the mask, the reference or the warm start is
                unusable.
            FitError: if the memory does not suffice.
        """
        self.restoration = None
        kept = None if checkpoint is None else _opened(checkpoint)
        with arguments.device_scope(self.device):
            work = self._work(img, reference, warm_start, kept)
            if work.tiles is None:
                restoration = self._fit(work.plan, work.problem, work.run)
            else:
                restoration = self._fit_tiles(work, work.tiles)
        is_done = restoration.stopped_by not in UNFINISHED
        if kept is not None and kept is not checkpoint and is_done:
            kept.remove()
        return restoration

    def cut(
        self,
        img: Any,
        checkpoint: Checkpoint | str | os.PathLike[str],
        *,
        reference: Any = None,
        warm_start: Any = None,
    ) -> tiled.Cut | None:
        """Cut a picture into the tiles that `fit` would; fit them one by one.

        Processes, or machines that share a folder, can so fit tiles of one picture at
        the same time. `fit` with the same picture, settings and folder then takes from
        there what is done, to the same picture as if it had fitted all by itself.

        Args:
            img: as for `fit`; the whole picture.
            checkpoint: the folder in which each tile is left, as for `fit`.
            reference: as for `fit`.
            warm_start: as for `fit`.

        Returns:
            The tiles and what fits them; None if `fit` would leave the picture whole.

        Raises:
            ValueError: if the picture is unusable, or there is a time limit, with which
                tiles do not come to their end.
            FitError: if the memory does not suffice.
        """
        if self.time_limit is not None:
            raise ValueError(
                "Expected no time limit for single tiles. "
                f"Received: {self.time_limit:g} s"
            )
        with arguments.device_scope(self.device):
            work = self._work(img, reference, warm_start, _opened(checkpoint))
        if work.tiles is None:
            return None
        windows = work.tiles.windows

        def fit(index: int) -> None:
            if not 0 <= index < len(windows):
                raise ValueError(
                    f"Expected the number of one of {len(windows)} tiles, from 0. "
                    f"Received: {index!r}"
                )
            with arguments.device_scope(self.device):
                self._fit_tile(work, index, windows, None)

        return tiled.Cut(work.tiles, fit)

    def _work(
        self, img: Any, reference: Any, warm_start: Any, kept: Checkpoint | None
    ) -> _Work:
        """Prepare a picture: what is fitted to it, and how it is cut."""
        start = None if warm_start is None else weights_of(warm_start)
        picture, kind = self._picture(img)
        task = self.task.informed_by(kind)
        problem = task.prepare(picture)
        if self.settings.unclip:
            problem = task.unclip(problem, self.seed)
        target = arguments.reference_for(reference, problem.shape)
        plan = self._plan(task, problem, start)
        if kept is not None:
            kept.identify(identity_of(self, plan, target), problem.observed)
        evidence = evidence_of(task, problem, picture, kind, target, self._given)
        run = Run(kind, target, kept, self.time_limit, evidence=evidence)
        if kept is not None and kept.has_begun:
            side = kept.tile
        else:
            side = self._tile_side(plan, problem)
        if kept is not None:
            kept.tile = side
        tiles = tiled.cut(task, problem, side, self.tile_overlap)
        if tiles is not None and self.snapshots and not self.snapshots_if_whole:
            raise ValueError(
                "Expected snapshots=0 for a picture that is cut into tiles. "
                f"Received: {self.snapshots}"
            )
        return _Work(plan, problem, run, tiles)

    def _fit_tiles(self, work: _Work, tiles: Tiling) -> Restoration:
        """Fit all windows of a problem; keep and return the whole."""
        start, windows = time.perf_counter(), tiles.windows

        def fit(index: int, window: Window) -> Restoration:
            limit = None
            if self.time_limit is not None:
                left = self.time_limit - (time.perf_counter() - start)
                limit = max(left, 0) / (len(windows) - index)
            return self._fit_tile(work, index, windows, limit)

        restoration, error = tiled.restore(tiles, work.problem, fit)
        self.restoration = replace(restoration, evidence=work.run.evidence)
        if error is not None:
            raise error
        return self.restoration

    def _fit_tile(
        self, work: _Work, index: int, windows: Sequence[Window], limit: float | None
    ) -> Restoration:
        """Fit one window of a problem as a problem of its own."""
        plan, problem, window = work.plan, work.problem, windows[index]
        plan, run = replace(plan, snapshots=0), replace(work.run, evidence=None)
        latent = plan.latent
        if latent is not None and latent.shape[1:3] == problem.shape[:2]:
            latent = window.of(latent)
        target = None if run.target is None else window.of(run.target[None])[0]
        count = len(windows)
        return self._fit(
            replace(plan, latent=latent),
            plan.task.crop(problem, window),
            replace(run, target=target, time_limit=limit, index=index, count=count),
        )

    def _fit(self, plan: Plan, problem: tasks.Problem, run: Run) -> Restoration:
        """Fit a picture, or a tile, as a whole; keep and return what comes of it."""
        start = time.perf_counter()
        problem = self._ready(plan.task, problem)
        plan = replace(plan, settings=jittered(plan.settings, problem))
        finish = finisher(plan.task, problem, self.blend)
        members, compile_seconds = self._members.fit(plan, problem, finish, run)
        last = members[-1]
        finishing = Finishing(members, finish, self.device)
        with held_back() as interrupts:
            network, image, deviation = finishing.chosen(interrupts)
            if deviation is not None:
                deviation = _in_rank(deviation, run.kind.rank)
            stopped_by, reason = finishing.ending(interrupts)
            # Without snapshots nothing needs the optimiser and the rest any more.
            keep = (finishing.at, finishing.picture_at) if plan.snapshots else ()
            self.restoration = Restoration(
                image=_in_rank(image, run.kind.rank),
                history=joined([m.recorder.history for m in members]),
                settings=settings_of(self, problem, members),
                steps=sum(m.steps for m in members),
                best_step=last.chosen.step,
                stopped_by=stopped_by,
                stop_reason=reason,
                seconds=time.perf_counter()
                - start
                + sum(member.recorder.seconds_before for member in members),
                source=Source(network, last.latent, finish, run.kind.dtype, *keep),
                uncertainty=deviation,
                snapshots=of_all([m.snapshots for m in members]),
                evidence=run.evidence,
                compile_seconds=compile_seconds,
            )
        if last.error is not None:
            raise last.error
        return self.restoration

    def _ready(self, task: tasks.Task, problem: tasks.Problem) -> tasks.Problem:
        """Return a problem with the data term that the settings ask for."""
        if self.settings.back_projection:
            problem = task.back_project(problem)
        if self.settings.quantisation:
            problem = task.use_quantisation(problem)
        return problem

    def _tile_side(self, plan: Plan, problem: tasks.Problem) -> int | None:
        """Return the largest side that is fitted at once; None for any.

        Raises:
            FitError: if the memory suffices neither for the whole nor for tiles.
        """
        if self.tile is not None:
            return self.tile or None
        shape = problem.shape
        room = memory.room(shape, self.max_memory, self.device)
        if room.needed(shape, memory.MOST_OUTPUTS) <= room.limit:
            return None
        given = self.network if isinstance(self.network, keras.Model) else None
        if given is not None and not getattr(given, "inputs", None):
            return None  # no functional model: refused where it is copied
        probe = replace(problem, shape=(PROBE, PROBE, shape[2]))
        outputs = memory.outputs_per_pixel(given or network_of(plan, probe, 0))
        needed = room.needed(shape, outputs)
        if needed <= room.limit:
            return None
        side = room.largest_tile(shape, outputs)
        fixed = plan.task.grid is None or given is not None
        if side is not None and not fixed:
            return side
        raise FitError(
            f"Expected {memory.in_words(needed)} of {room.name} for "
            f"{shape[1]}x{shape[0]} pixels. Received: {memory.in_words(room.limit)}, "
            + (
                "and a task or a network that cannot be cut into tiles"
                if fixed
                else "too little for tiles as well"
            )
            + ". A larger max_memory (--max-memory), or tile=0 (--tile 0), tries it "
            "all the same."
        )

    def _plan(
        self, task: tasks.Task, problem: tasks.Problem, start: Weights | None
    ) -> Plan:
        """Return how the members of a restoration are fitted."""
        settings = suited(self.settings, problem)
        policy = policy_for(settings.dtype_policy, self.device)
        if isinstance(self.network, keras.Model):
            policy = policy_of(self.network)
        return Plan(
            task,
            replace(settings, dtype_policy=policy),
            network=self.network,
            latent=None if self._latent is None else self._latent[np.newaxis],
            jit_compile=self.jit_compile,
            snapshots=self.snapshots,
            regularizers=self.regularizers,
            optimizer=self.optimizer,
            start=start,
            device=self.device,
            traces=self._traces,
        )

    @property
    def _members(self) -> Members:
        """How the members are fitted."""
        told = [ProgressCallback(PlainDisplay())] if self.verbose else []
        return Members(
            self.settings.members,
            self.seed,
            self.device,
            self.fit_together,
            [*told, *self.callbacks],
            self.time_limit,
            self._twins,
        )

    def _picture(self, img: Any) -> tuple[np.ndarray, PictureType]:
        """Return [h, w, c] floats; alpha comes back as a channel if it is the mask."""
        picture, kind = as_picture(img)
        if self.task.takes_alpha and kind.alpha is not None:
            picture = np.concatenate([picture, kind.alpha[..., np.newaxis]], axis=-1)
        return picture, kind


def _opened(checkpoint: Checkpoint | str | os.PathLike[str]) -> Checkpoint:
    """Return the checkpoint of a folder."""
    return checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)


def _in_rank(array: np.ndarray, rank: int) -> np.ndarray:
    """Return [H, W, 1] as [H, W] where the input was; colours keep their axis."""
    return array[..., 0] if rank == 2 and array.shape[2] == 1 else array
