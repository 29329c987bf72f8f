"""One network fitted to one problem: from the settings and a seed to its picture.

A restoration is made of one member, or of the mean of several that differ in their
seeds alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dip import models, tasks
from keras_dip.checkpoint import Saver
from keras_dip.consolidation import HURRIED_STEPS, STEPS, consolidate
from keras_dip.errors import FitError
from keras_dip.fitting import REPORT_INTERVAL, Candidate, PriorModel
from keras_dip.history import HistoryRecorder
from keras_dip.interrupts import Interrupts, held_back, remembered
from keras_dip.latents import (
    GIVEN,
    Latent,
    latent_channels,
    make_latent,
    with_picture,
)
from keras_dip.models.copies import copy_for, copy_of, in_float32
from keras_dip.models.fused import Adam
from keras_dip.models.offset import fitted
from keras_dip.progress import CallClock
from keras_dip.recovery import ATTEMPTS, Recovery
from keras_dip.regularizers import Regularizer, TotalVariation
from keras_dip.settings import Settings
from keras_dip.snapshots import Snapshots
from keras_dip.stopping import TimeLimit, rule_for
from keras_dip.traces import Traces, architecture, graph_key
from keras_dip.train_steps import AUTO, is_compiled
from keras_dip.warm_start import Weights, begin_with

Builder = Callable[..., keras.Model]
"""f((height, width), *, input_channels, output_channels, seed, dtype) -> keras.Model"""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a member is made from, whatever the picture.

    `network` is a model of the user's, a function that builds one (`Builder`), or None
    for the settings'; `latent` a picture [1, h, w, c] that the user wants as z, or
    None; `jit_compile` is True, False or "auto" (`train_steps.is_compiled`);
    `regularizers` are explicit priors beside the settings'; `optimizer` is one of
    Keras in place of Adam; `start` the weights that the networks begin with, or None;
    `traces` the train steps that are compiled already.
    """

    task: tasks.Task
    settings: Settings
    network: keras.Model | Builder | None = None
    latent: np.ndarray | None = None
    jit_compile: bool | str = AUTO
    snapshots: int = 0
    regularizers: tuple[Regularizer, ...] = ()
    optimizer: keras.optimizers.Optimizer | None = None
    start: Weights | None = None
    device: str | None = None
    traces: Traces = field(default_factory=Traces)

    @property
    def priors(self) -> tuple[Regularizer, ...]:
        """All explicit priors."""
        weight = self.settings.total_variation
        return (*([TotalVariation(weight)] if weight else []), *self.regularizers)

    def penalty(self, x: Any) -> Any:
        """Return the sum of the explicit priors of a picture [1, H, W, C]."""
        return sum(prior(x) for prior in self.priors)


@dataclass(frozen=True)
class Seeds:
    """The seeds of all that is drawn for a member, and which one it is, from 0."""

    network: int
    latent: int
    jitter: int
    held_back: int
    member: int = 0


def seeds_of(seed: int, member: int) -> Seeds:
    """Return the seeds of a member: z and what is held back are the same for all."""
    first = np.random.SeedSequence(seed).generate_state(4) >> 1
    network, latent, jitter, held_back = (int(s) for s in first)
    if member:
        own = np.random.SeedSequence([seed, member]).generate_state(2) >> 1
        network, jitter = (int(s) for s in own)
    return Seeds(network, latent, jitter, held_back, member)


class _RaiseAgain(keras.callbacks.Callback):
    """Ends a fit in which a KeyboardInterrupt was lost, or held back."""

    def __init__(self, pressed: Interrupts) -> None:
        super().__init__()
        self.pressed = pressed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._look()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._look()

    def _look(self) -> None:
        if self.pressed.came:
            raise KeyboardInterrupt


class _Count(keras.callbacks.Callback):
    """Counts the reports of a member."""

    def __init__(self, member: "Member") -> None:
        super().__init__()
        self.member = member

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # The clock can end a fit in the middle of a report.
        if self.model.step % REPORT_INTERVAL == 0:
            self.member.reports = epoch + 1


UNFINISHED = ("interrupt", "error", "time limit")
"""What ends a fit that a later run may continue."""


class Member:
    """One network on its way.

    Args:
        plan: how.
        problem: what is fitted, as the task prepared it.
        seeds: where chance starts.

    Attributes:
        network: the network, in the dtype policy of the plan.
        latent: z as the restored picture is made from it.
        rule: the stopping rule, or None.
        recorder: the curves.
        model: the train step around the network.
        reports: how many reports there were.
        seen_z: z as the fit saw it, without what the rule held back.
        chosen: the best candidate, by the rule where there is one; after `fit`.
        snapshots: the kept candidates with their criteria, by step; after `fit`.
        stopped_by: one word for what ended the fit.
        reason: the same as a sentence.

    Raises:
        ValueError: if network, z or stopping rule do not suit the problem.
    """

    def __init__(self, plan: Plan, problem: tasks.Problem, seeds: Seeds) -> None:
        """Build network, z and train step."""
        self.plan = plan
        settings = plan.settings
        self.network = fitted(
            network_of(plan, problem, seeds.network), settings.optimize
        )
        if plan.start is not None:
            begin_with(self.network, plan.start, seeds.member)
        self.latent = _latent(plan, problem, self.network, seeds.latent)
        self.rule = rule_for(settings.stop, problem)
        seen, z = problem, self.latent.values
        if self.rule is not None:
            rng = np.random.default_rng(seeds.held_back)
            seen = self.rule.hold_back(problem, rng)
            if seen is not problem and self.latent.contains_picture:
                z = with_picture(z, _given(plan, seen))
        self.seen_z = z
        self.model = plan.traces.model(
            self._graph_key(seen, z),
            (plan.network, plan.optimizer, *plan.regularizers),
            lambda: self._build(seen, z, seeds.jitter),
        )
        self.model.tile = problem.window
        self.network = self.model.network
        self._recovery = Recovery()
        self._snapshots = Snapshots(plan.snapshots, self.rule)
        self.reports, self._is_finished = 0, False
        self._clock = CallClock(is_known=self.model.knows_step)
        self.stopped_by, self.reason = "steps", ""
        self.error: Exception | None = None

    def _graph_key(self, seen: tasks.Problem, z: np.ndarray) -> str | None:
        plan, built = self.plan, None
        if plan.network is not None and not isinstance(plan.network, keras.Model):
            built = architecture(self.network)
            if built is None:
                return None
        more = [list(map(repr, plan.priors)), self._window, plan.jit_compile]
        return graph_key(plan.task, plan.settings, seen, z, *more, plan.device, built)

    @property
    def is_compiled(self) -> bool:
        """Whether XLA compiles the train step."""
        return is_compiled(self.plan.jit_compile, self.plan.device, self.network)

    @property
    def _window(self) -> int:
        return self.rule.window(self.plan.settings.steps) if self.rule else 0

    def _build(self, seen: tasks.Problem, z: np.ndarray, seed: int) -> PriorModel:
        """Return the train step around the network, compiled."""
        plan, settings = self.plan, self.plan.settings
        model = PriorModel(
            self.network,
            plan.task.data_term,
            z,
            seen.observed,
            jitter=settings.jitter,
            recorruption=settings.recorruption,
            sigma=seen.sigma or 0.0,
            hiding=settings.hiding,
            average=settings.average,
            average_from_first=settings.average_from_first,
            weight_average=settings.weight_average,
            window=self._window,
            penalty=plan.penalty if plan.priors else None,
            seed=seed,
        )
        optimizer: Any = Adam(settings.learning_rate, beta_2=settings.beta_2)
        if plan.optimizer is not None:
            optimizer = plan.optimizer.__class__.from_config(
                plan.optimizer.get_config()
            )
        policy = keras.dtype_policies.get(settings.dtype_policy)
        if policy.compute_dtype == "float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(self.network.trainable_variables)
        model.compile(optimizer=optimizer, jit_compile=self.is_compiled)
        return model

    def fit(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        target: np.ndarray | None,
        finish: Callable[[Any], Any],
        time_limit: TimeLimit | None,
        saver: Saver | None = None,
    ) -> None:
        """Take the steps; what a callback raises is kept as `error`.

        What came of them is then here: the next member may take over the model.

        Args:
            callbacks: the user's, called after our own.
            target: the ground truth [H, W, C] for the curves, or None.
            finish: what turns the output into the picture that is compared with it.
            time_limit: ends the fit by the clock, or None.
            saver: keeps the progress on disk, and knows how far an earlier run came.

        Raises:
            FitError: if the loss was never a finite number.
        """

        def current_picture() -> np.ndarray:
            picture = self.model.picture(self.latent.values)
            return to_picture(finish(ops.convert_to_tensor(picture)))

        self.model.current_picture = current_picture
        self.recorder = HistoryRecorder(current_picture, target)
        if saver is None or not self._continue(saver.load()):
            self._take_steps(callbacks, time_limit, saver)
        best = self._best()
        self.chosen = best
        self.snapshots = self._snapshots.with_candidates(best, self.model.candidate())

    def _take_steps(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        time_limit: TimeLimit | None,
        saver: Saver | None,
    ) -> None:
        ours = [self._recovery, self.rule, self.recorder, self._snapshots, time_limit]
        end = "steps"
        noted = remembered if self.model.can_be_cut else held_back
        try:
            with noted() as pressed:
                again = _RaiseAgain(pressed)
                self.model.take_steps(
                    self.plan.settings.steps,
                    [
                        again,
                        self._clock,
                        *(c for c in (*ours, _Count(self), saver) if c),
                        *callbacks,
                    ],
                    first_report=self.reports,
                )
                if pressed.came:  # in the last report
                    raise KeyboardInterrupt
        except (KeyboardInterrupt, Exception) as raised:
            error = raised if isinstance(raised, Exception) else None
            if error and pressed.came:  # TensorFlow can make another error of Ctrl-C
                raised, error = KeyboardInterrupt(), None
            if not self._has_begun:
                raise raised
            end, self.error = "error" if error else "interrupt", error
        with held_back() as pressed:  # twice is easily pressed
            self._recovery.settle()
        if pressed.came:
            end = "interrupt"
        if not self._recovery.has_picture:
            raise self.error or FitError(
                "The loss was not a finite number from the first steps on. Try a "
                "smaller learning_rate."
            )
        self.stopped_by, self.reason = self._ending(end, time_limit)
        if saver is not None and self.stopped_by in UNFINISHED:
            saver.save_rest()
        elif saver is not None:
            self._is_finished = True
            saver.save_end()

    @property
    def compile_seconds(self) -> float:
        """Seconds that tracing and compiling the step took in this run, about."""
        return self._clock.compile_seconds

    @property
    def _has_begun(self) -> bool:
        """Whether a step was taken, and what it came to is not lost.

        JAX gives up the values of variables for a call, and may fail in it.
        """
        try:
            return self.model.step > 0
        except Exception:
            return False

    def progress(self) -> dict[str, Any]:
        """Return everything that a run needs to continue this one, as nested data."""
        return {
            "variables": self.model.arrays_of(self.model.progress),
            "parts": {
                name: {key: getattr(part, key) for key in part.SAVED}
                for name, part in self._parts().items()
            },
            "reports": self.reports,
            "ending": [self.stopped_by, self.reason] if self._is_finished else None,
        }

    def _continue(self, state: dict[str, Any] | None) -> bool:
        """Take up an earlier run; tell whether it had come to its end."""
        if state is None:
            return False
        for variable, value in zip(
            self.model.progress, state["variables"], strict=True
        ):
            variable.assign(value)
        for name, part in self._parts().items():
            for key, value in state["parts"][name].items():
                setattr(part, key, value)
        self.reports = state["reports"]
        if state["ending"] is not None:
            self.stopped_by, self.reason = state["ending"]
            return True
        if self._recovery.gave_up or (self.rule is not None and self.rule.reason):
            # It was saved at the report that ended it.
            self.stopped_by, self.reason = self._ending("steps", None)
            return True
        return False

    def _parts(self) -> dict[str, Any]:
        """Return what changes during the fit beside the model; each says its SAVED."""
        parts = {
            "recovery": self._recovery,
            "rule": self.rule,
            "recorder": self.recorder,
            "snapshots": self._snapshots,
        }
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def steps(self) -> int:
        """Return the steps taken, those that were undone included."""
        return self._recovery.taken

    def _best(self) -> Candidate:
        """Return the best candidate so far, by the rule where there is one."""
        best = self.rule.best if self.rule else None
        return best or self.model.candidate()

    def network_for(
        self, candidate: Candidate, interrupts: Interrupts, *, hurry: bool = False
    ) -> keras.Model:
        """Return a float32 network that gives a candidate's picture from z.

        Ctrl-C, as `interrupts` heard it, shortens what can be shortened.
        """
        # What is fitted once more, to an average, stays in its dtype policy until then.
        average = candidate.average
        network = copy_of(self.network, "float32" if average is None else None)
        # By place: what is not fitted is frozen here, but not in a clone.
        places = {id(weight): i for i, weight in enumerate(self.network.weights)}
        for weight, value in zip(
            self.network.trainable_variables, candidate.weights, strict=True
        ):
            network.weights[places[id(weight)]].assign(value)
        if average is not None:
            steps = HURRIED_STEPS if hurry else STEPS
            consolidate(network, self.latent.values, average, steps, interrupts)
            network = in_float32(network)
        self.model.write_statistics(network, self.latent.values)
        return network

    def output_for(self, candidate: Candidate) -> Any:
        """Return what a candidate's network gives from z, or is to be brought to."""
        if candidate.average is not None:
            return candidate.average
        network = self.network_for(candidate, Interrupts())
        return self.model.output_of(network, self.latent.values)

    def _ending(self, end: str, time_limit: TimeLimit | None) -> tuple[str, str]:
        """Return what stopped the fit, as a word and as a sentence."""
        planned, step, best = self.plan.settings.steps, self.model.step, self._best()
        if self._recovery.gave_up:
            return "diverged", (
                f"The loss fell apart {ATTEMPTS + 1} times; step {best.step} is kept."
            )
        if end != "steps":
            verb = {"interrupt": "was interrupted", "error": "met an error"}[end]
            return end, f"The fit {verb} at step {step} of {planned}."
        if time_limit is not None and time_limit.reason:
            return "time limit", time_limit.reason
        if self.rule is not None and self.rule.reason:
            return self.rule.name, self.rule.reason
        if self._recovery.taken >= planned:
            kept = f" Step {best.step} is kept." if best.step != step else ""
            return "steps", f"All {planned} steps were taken.{kept}"
        return "callback", f"A callback stopped the fit after {self.steps} steps."


def network_of(plan: Plan, problem: tasks.Problem, seed: int) -> keras.Model:
    """Build the network of the settings, or the user's, or copy the user's."""
    if isinstance(plan.network, keras.Model):
        return copy_for(plan.network, problem.shape)
    settings = plan.settings
    height, width, channels = problem.shape
    common = {
        "input_channels": latent_channels(
            settings.latent, settings.latent_channels, _given(plan, problem)
        ),
        "output_channels": channels,
        "seed": seed,
        "dtype": settings.dtype_policy,
    }
    if plan.network is None:
        options = {**common, **settings.network_options}
        return models.build(settings.network, (height, width), **options)
    built = plan.network((height, width), **common)
    if not isinstance(built, keras.Model):
        raise ValueError(
            "Expected a network, a function that returns a keras.Model. "
            f"Received: one that returns {type(built).__name__}"
        )
    return copy_for(built, problem.shape)


def _given(plan: Plan, problem: tasks.Problem) -> np.ndarray:
    """Return the picture that z may be made from, [1, h, w, c]."""
    if plan.latent is not None:
        return plan.latent
    return plan.task.z_picture(problem.observed)


def _latent(
    plan: Plan, problem: tasks.Problem, network: keras.Model, seed: int
) -> Latent:
    """Draw z at the size, and for the channels, that the network takes."""
    _, *size, channels = network.input_shape
    given = _given(plan, problem)
    name = plan.settings.latent
    is_small = any(s < p for s, p in zip(size, problem.shape, strict=False))
    if is_small and name.startswith("picture"):
        raise ValueError(
            "Expected a latent without the picture, such as 'noise', for a network "
            f"whose z is smaller: {size[0]} x {size[1]} pixels (height x width). "
            f"Received: {name!r}"
        )
    sizes = [problem.shape[:2], tuple(size)]
    if name == GIVEN and given.shape[1:3] not in (sizes[1:] if is_small else sizes):
        of_picture = "" if is_small else f"the restored picture's size, {sizes[0]}, or "
        raise ValueError(
            f"Expected a latent of {of_picture}the network's size, {sizes[1]} (height, "
            f"width). Received: {given.shape[1:3]}"
        )
    drawn = channels - given.shape[-1] if name == "picture+noise" else channels
    latent = None
    if drawn > 0:
        latent = make_latent(name, tuple(size), drawn, seed, given)
    if latent is None or latent.codes.shape[-1] != channels:
        raise ValueError(
            f"Expected a network whose input has room for z, {name!r} made from a "
            f"picture of {given.shape[-1]} channels. Received: an input of "
            f"{channels} channels. latent='noise' suits any number"
        )
    return latent


@dataclass(frozen=True, eq=False)
class Finish:
    """The way from a network's output to the finished picture.

    `blend` mixes the cheap first guess (for noise: the picture itself) into it.
    """

    task: tasks.Task
    observed: dict[str, np.ndarray]
    guess: np.ndarray | None
    blend: float

    def __call__(self, x: Any) -> Any:
        """Finish a picture [1, H, W, C]."""
        # Arrays: a traced graph takes them as constants, tensors as inputs.
        finished = self.task.finish(x, self.observed)
        if self.guess is not None:
            finished = finished * (1 - self.blend) + self.guess * self.blend
        return finished


def finisher(task: tasks.Task, problem: tasks.Problem, blend: float) -> Finish:
    """Return the finish of a problem, with nothing in it that is not needed."""
    guess = problem.guess.astype("float32") if blend else None
    return Finish(task, problem.observed, guess, blend)


def to_picture(x: Any) -> np.ndarray:
    """Return a tensor [1, H, W, C] as an array [H, W, C], clipped to [0, 1]."""
    array: np.ndarray = ops.convert_to_numpy(x)[0]
    return array.clip(0.0, 1.0)
