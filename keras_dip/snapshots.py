"""Iterates kept on the way, so that the user can choose another than the rule did."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_dip.fitting import REPORT_INTERVAL, Candidate
from keras_dip.restoration import Snapshot
from keras_dip.stopping import StoppingRule


def snapshot_steps(count: int, planned_steps: int) -> list[int]:
    """Return about `count` steps, log-spaced from the first report to the last step."""
    first = min(REPORT_INTERVAL, planned_steps)
    steps = np.geomspace(first, planned_steps, count)
    reports = np.rint(steps / REPORT_INTERVAL) * REPORT_INTERVAL
    # The last report may come early: rounding would miss it.
    inner = {int(np.clip(step, first, planned_steps)) for step in reports[:-1]}
    return sorted({*inner, planned_steps})


class Snapshots(keras.callbacks.Callback):
    """Keeps candidates at log-spaced steps, with the criterion of the stopping rule."""

    SAVED = ("kept", "_criteria")

    def __init__(self, count: int, rule: StoppingRule | None = None) -> None:
        """Set how many are kept, 0 for none, and whose criterion goes with them."""
        super().__init__()
        self.count = count
        self.rule = rule
        self.kept: dict[int, tuple[Candidate, float]] = {}
        self._criteria: dict[int, float] = {}
        self._due: list[int] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Plan the steps."""
        if self.count:
            self._due = snapshot_steps(self.count, self.model.planned_steps)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the candidate if one is due."""
        step = self.model.step
        self._criteria[step] = (logs or {}).get("criterion", math.nan)
        if step in self._due:
            self.kept[step] = (self.model.candidate(), self._criteria[step])

    def with_candidates(self, *more: Candidate) -> dict[int, tuple[Candidate, float]]:
        """Return what was kept and more candidates, by step; nothing if not asked."""
        if not self.count:
            return {}
        others = {c.step: (c, self._criteria.get(c.step, math.nan)) for c in more}
        return dict(sorted({**self.kept, **others}.items()))


def of_all(
    members: Sequence[dict[int, tuple[Candidate, float]]],
) -> dict[int, Snapshot]:
    """Return the snapshots of several members by step: one candidate of each.

    At the steps of the last member; of a member that has none there, the one before it.
    The criterion is the mean.
    """
    together = {}
    for step in members[-1]:
        kept = [
            member[max((s for s in member if s <= step), default=min(member))]
            for member in members
        ]
        criterion = float(np.mean([criterion for _, criterion in kept]))
        together[step] = Snapshot([candidate for candidate, _ in kept], criterion)
    return together
