"""The members of a restoration: fits that differ in their seeds, in turn or together.

A member that is interrupted has its best picture so far; one that never began has none,
and those that have one make up the restoration.
"""

import gc
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_dip import memory, tasks, together
from keras_dip.arguments import device_scope
from keras_dip.checkpoint import Checkpoint, Saver
from keras_dip.errors import FitError
from keras_dip.fitting import PriorModel
from keras_dip.images import PictureType
from keras_dip.member import Member, Plan, seeds_of
from keras_dip.models.hardware import gpus
from keras_dip.progress import Furthest, ProgressCallback
from keras_dip.restoration import Evidence
from keras_dip.stopping import TimeLimit
from keras_dip.traces import Twins

SMALL_TILE = 256
"""Side of the tiles that are proposed where the memory of a device proves too small."""

CUT_SHORT = ("interrupt", "error")
"""What ends a member, and with it those that were to follow."""


@dataclass(frozen=True, eq=False)
class Run:
    """What a fit is told beside its plan and problem; of tiles, each has its own.

    `target` is the ground truth [H, W, C] or None, `time_limit` in seconds, `index` the
    number of the tile of `count`; `evidence` is of the whole picture.
    """

    kind: PictureType
    target: np.ndarray | None
    checkpoint: Checkpoint | None
    time_limit: float | None
    index: int = 0
    count: int = 1
    evidence: Evidence | None = None

    def what(self, members: int) -> str:
        """Return what is counted, for displays."""
        if self.count == 1:
            return "member"
        return "tile" if members == 1 else "fit"

    def seconds_left(self, begun: float) -> float | None:
        """Return what the time limit leaves of a fit that began then, or None."""
        if self.time_limit is None:
            return None
        return max(self.time_limit - (time.perf_counter() - begun), 0.0)

    def saver(self, member: Member, place: int) -> Saver | None:
        """Return what keeps the progress of a member, the first, second ... of all."""
        return (
            None if self.checkpoint is None else Saver(self.checkpoint, member, place)
        )


@dataclass(frozen=True, eq=False)
class Members:
    """How the members of a restoration are fitted.

    `at_once` is how many of `count` go on at the same time, None for what the device
    has room for; `asked_limit` the seconds that the user gave to all tiles.
    """

    count: int
    seed: int
    device: str | None
    at_once: int | None
    callbacks: Sequence[keras.callbacks.Callback]
    asked_limit: float | None
    twins: Twins

    def fit(
        self, plan: Plan, problem: tasks.Problem, finish: Callable[[Any], Any], run: Run
    ) -> tuple[list[Member], float]:
        """Fit all; in turn, too, where the memory of a GPU proves too small.

        Returns:
            Those that have a picture, and the seconds that compiling took, about.

        Raises:
            FitError: if the memory of the device does not suffice for one.
        """
        if self._are_together:
            try:
                members = self._fit_together(plan, problem, finish, run)
                # All waited for the same.
                return members, max(member.compile_seconds for member in members)
            except Exception as error:
                if not memory.ran_out(error):
                    raise
            warnings.warn(
                "The device has too little memory for members at the same time; they "
                "are fitted one after the other (fit_together=1 begins with that).",
                stacklevel=4,
            )
            self.twins.forget()  # what is on the device
            gc.collect()
        try:
            members = self._fit_in_turn(plan, problem, finish, run)
            return members, sum(member.compile_seconds for member in members)
        except Exception as error:
            if not memory.ran_out(error):
                raise
            height, width, _ = problem.shape
            raise FitError(
                f"Expected a device with memory for {width}x{height} pixels. Received: "
                f"{together.NO_MEMORY}. tile={SMALL_TILE} (--tile {SMALL_TILE}) fits "
                "less at a time, device='cpu' (--device cpu) what the machine holds."
            ) from error

    @property
    def _are_together(self) -> bool:
        """Whether they are fitted at the same time."""
        on_gpu = self.device != "cpu" and bool(gpus())
        return (
            self.count > 1
            and (on_gpu if self.at_once is None else self.at_once > 1)
            and PriorModel.takes_steps_together
            and together.in_force() is None  # pictures go on together already
            # One of the user's has a single model, and sees one fit after the other.
            and all(isinstance(c, ProgressCallback) for c in self.callbacks)
        )

    def _fit_together(
        self, plan: Plan, problem: tasks.Problem, finish: Callable[[Any], Any], run: Run
    ) -> list[Member]:
        """Fit them at the same time; Ctrl-C keeps the best of each."""
        plan = replace(plan, traces=self.twins)
        members = [
            Member(plan, problem, seeds_of(self.seed, index))
            for index in range(self.count)
        ]
        told = [(Furthest(c.display, self.count), c.every_call) for c in self.callbacks]
        at_once = self.at_once or memory.fits_together(members[0].model)
        rounds = -(-self.count // at_once)
        begun = time.perf_counter()

        def fit(index: int) -> None:
            member = members[index]
            member.model.place = (run.index + 1, run.count, run.what(1))
            limit = self._clock(run.seconds_left(begun), rounds - index // at_once)
            saver = run.saver(member, run.index * self.count + index)
            callbacks = [ProgressCallback(d, every_call=every) for d, every in told]
            with device_scope(self.device):
                member.fit(callbacks, run.target, finish, limit, saver)

        group = together.Together(at_once)
        ends = group.run([partial(fit, index) for index in range(self.count)])
        pairs = list(zip(members, ends, strict=True))
        fitted = [member for member, end in pairs if end.error is None]
        errors = [end.error for end in ends if end.error is not None]
        if not fitted:
            raise errors[0]
        for member in fitted:
            _warn_if_diverged(member)
        if errors:
            some = f"{len(errors)} of {self.count} fits {{}}."
            _tell_of_lost(fitted[-1], errors[0], some)
        return fitted

    def _fit_in_turn(
        self, plan: Plan, problem: tasks.Problem, finish: Callable[[Any], Any], run: Run
    ) -> list[Member]:
        """Fit them one after the other, until one is interrupted."""
        begun, count = time.perf_counter(), self.count
        members: list[Member] = []
        for index in range(count):
            left = run.seconds_left(begun)
            if members and left == 0:
                members[-1].stopped_by = "time limit"
                members[-1].reason = (
                    f"The time limit of {self.asked_limit:g} s was reached after "
                    f"{index} of {count} members."
                )
                break
            limit = self._clock(left, count - index)
            try:
                member = Member(plan, problem, seeds_of(self.seed, index))
                place = run.index * count + index
                member.model.place = (place + 1, run.count * count, run.what(count))
                saver = run.saver(member, place)
                member.fit(self.callbacks, run.target, finish, limit, saver)
            except (KeyboardInterrupt, Exception) as raised:
                if not members:
                    raise
                began = f"The fit {{}} as member {index + 1} began."
                _tell_of_lost(members[-1], raised, began)
                break
            _warn_if_diverged(member)
            if members and member.stopped_by in CUT_SHORT:
                # It is not finished; those before it are.
                members[-1].stopped_by = member.stopped_by
                members[-1].reason, members[-1].error = member.reason, member.error
                break
            members.append(member)
            if member.stopped_by in CUT_SHORT:
                break
        return members

    def _clock(self, left: float | None, shares: int) -> TimeLimit | None:
        """Return the clock of a member that gets one of the shares of what is left."""
        return None if left is None else TimeLimit(left / shares, self.asked_limit)


def _tell_of_lost(last: Member, raised: BaseException, sentence: str) -> None:
    """Let the last member that has a picture tell of those that have none."""
    error = raised if isinstance(raised, Exception) else None
    last.stopped_by, last.error = "error" if error else "interrupt", error
    last.reason = sentence.format("met an error" if error else "was interrupted")


def _warn_if_diverged(member: Member) -> None:
    if member.stopped_by == "diverged":
        warnings.warn(member.reason, RuntimeWarning, stacklevel=6)
