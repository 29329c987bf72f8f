"""One restoration of many tiles, each fitted by itself.

A window of the problem is a problem of its own (`Task.crop`): what was measured on the
whole picture, such as its noise, holds for all. All windows have one size, so that they
share one compiled step, and a fit needs the memory of one window, whatever the picture.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_dip.history import joined
from keras_dip.restoration import Restoration, Tile, Tiles
from keras_dip.tasks import Problem, Task
from keras_dip.tiles import Blend, Tiling, Window, tiling

NOTHING = np.zeros((0, 0), "float32")


@dataclass(frozen=True, eq=False)
class Cut:
    """A picture that is ready to be fitted tile by tile, in any order.

    `fit` takes the number of a window of `tiling`, from 0, and leaves what comes of it
    in a checkpoint folder.
    """

    tiling: Tiling
    fit: Callable[[int], None]


def cut(task: Task, problem: Problem, side: int | None, overlap: int) -> Tiling | None:
    """Return how a problem is cut into tiles; None where it is left whole.

    Args:
        task: whose problem it is.
        problem: the whole, as prepared.
        side: of a tile in pixels of the restored picture; None for no tiles.
        overlap: pixels that neighbouring tiles share at least.

    Raises:
        ValueError: if it would have to be cut, and the task cannot.
    """
    if side is None or max(problem.shape[:2]) <= side:
        return None
    if task.grid is None:
        raise ValueError(
            f"Expected a task that can be cut into tiles. Received: {task.name!r}, for "
            "a picture that is larger than a tile"
        )
    factor = problem.shape[0] // problem.observed["picture"].shape[1]
    plan = tiling(problem.shape, side, overlap, task.grid * factor)
    return plan if len(plan.windows) > 1 else None


def restore(
    plan: Tiling,
    problem: Problem,
    fit: Callable[[int, Window], Restoration],
) -> tuple[Restoration, Exception | None]:
    """Fit all windows, one after the other, and put their pictures together.

    What a fit raises once a window is done ends the restoration: windows that were not
    fitted show the cheap first guess.

    Args:
        plan: the windows.
        problem: the whole.
        fit: fits the window of a number, counted from 0.

    Returns:
        The restoration, and the exception that ended it; None for Ctrl-C.
    """
    start, parts, error = time.perf_counter(), _Parts(plan, problem), None
    for index, window in enumerate(plan.windows):
        try:
            parts.add(fit(index, window))
            gc.collect()  # the networks of this tile, which are circles
        except (KeyboardInterrupt, Exception) as raised:
            if not parts.done:
                raise
            error = raised
        if error is not None or parts.done[-1].stopped_by == "interrupt":
            break
    broken = error if isinstance(error, Exception) else None
    whole = parts.together(error)
    return replace(whole, seconds=time.perf_counter() - start), broken


class _Parts:
    """What came of the tiles so far: one picture, and little of each."""

    def __init__(self, plan: Tiling, problem: Problem) -> None:
        self.plan, self.problem = plan, problem
        self.picture, self.deviation = Blend(plan), Blend(plan)
        self.done: list[Restoration] = []
        self.tiles: list[Tile] = []
        self.network: Any = None

    def add(self, part: Restoration) -> None:
        """Take over the next tile; its picture and its network are not kept."""
        self.picture.add(part.image)
        if part.uncertainty is not None:
            self.deviation.add(part.uncertainty)
        source = part.source
        self.network = self.network or source.network
        weights = source.network.get_weights()
        self.tiles.append(Tile(weights, source.latent, source.finish))
        source = replace(source, network=self.network)
        self.done.append(replace(part, image=NOTHING, uncertainty=None, source=source))

    def together(self, error: BaseException | None) -> Restoration:
        """Return one restoration; windows without a fit show the first guess."""
        first, last, plan = self.done[0], self.done[-1], self.plan
        stopped_by, reason = _ending(self.done, len(plan.windows), error)
        grey = self.picture.was_grey
        self.network.set_weights(self.tiles[0].weights)
        has_deviation = self.deviation.count == len(self.done)
        guess = self.problem.guess.clip(0, 1)
        for window in plan.windows[len(self.done) :]:
            self.picture.add(window.of(guess)[0])
            if has_deviation:
                self.deviation.add(np.ones((*plan.side, 1), "float32"))
        picture = self.picture.whole.clip(0, 1)
        deviation = self.deviation.whole if has_deviation else None
        if grey:
            picture = picture[..., 0]
            deviation = None if deviation is None else deviation[..., 0]
        tops, lefts, side = list(plan.tops), list(plan.lefts), list(plan.side)
        return replace(
            first,
            image=picture,
            history=joined([part.history for part in self.done], "tile"),
            settings={
                **first.settings,
                "shape": list(self.problem.shape),
                "tiles": {"side": side, "tops": tops, "lefts": lefts},
            },
            steps=sum(part.steps for part in self.done),
            compile_seconds=sum(part.compile_seconds for part in self.done),
            best_step=last.best_step,
            stopped_by=stopped_by,
            stop_reason=reason,
            uncertainty=deviation,
            tiles=Tiles(plan, self.network, tuple(self.tiles)),
        )


def _ending(
    parts: list[Restoration], count: int, error: BaseException | None
) -> tuple[str, str]:
    """Return what ended the fits, as a word and as a sentence."""
    last = parts[-1]
    if error is not None:
        is_error = isinstance(error, Exception)
        word = "error" if is_error else "interrupt"
        verb = "met an error" if is_error else "was interrupted"
        return word, f"The fit {verb} after {len(parts)} of {count} tiles."
    if last.stopped_by in ("interrupt", "error"):
        reason = f"{last.stop_reason} It was tile {len(parts)} of {count}."
        return last.stopped_by, reason
    words = [part.stopped_by for part in parts]
    for word in ("diverged", "time limit", "callback"):
        if word in words:
            number = words.index(word)
            return word, f"Tile {number + 1} of {count}: {parts[number].stop_reason}"
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    told = ", ".join(f"{word} ({number})" for word, number in counts.items())
    return max(
        counts, key=lambda word: counts[word]
    ), f"{count} tiles, ended by {told}."
