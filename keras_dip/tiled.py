"""One restoration of many tiles, each fitted by itself.

A window of the problem is a problem of its own (`Task.crop`): what was measured on the
whole picture, such as its noise, holds for all. All windows have one size, so that they
share one compiled step, and a fit needs the memory of one window, whatever the picture.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from keras_dip.history import joined
from keras_dip.restoration import Restoration, Tiles
from keras_dip.tasks import Problem, Task
from keras_dip.tiles import Tiling, Window, blend, tiling


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
    start, parts, error = time.perf_counter(), [], None
    for index, window in enumerate(plan.windows):
        try:
            parts.append(fit(index, window))
        except (KeyboardInterrupt, Exception) as raised:
            if not parts:
                raise
            error = raised
        if error is not None or parts[-1].stopped_by == "interrupt":
            break
    broken = error if isinstance(error, Exception) else None
    whole = _together(plan, problem, parts, error)
    return replace(whole, seconds=time.perf_counter() - start), broken


def _together(
    plan: Tiling,
    problem: Problem,
    parts: list[Restoration],
    error: BaseException | None,
) -> Restoration:
    """Return one restoration of those of the first windows."""
    first, last = parts[0], parts[-1]
    stopped_by, reason = _ending(parts, len(plan.windows), error)
    grey = first.image.ndim == 2

    def whole(of: Callable[[Restoration], Any], guess: np.ndarray) -> np.ndarray:
        def each() -> Any:
            for i, window in enumerate(plan.windows):
                array = of(parts[i]) if i < len(parts) else window.of(guess)[0]
                yield array.reshape(*plan.side, -1)

        picture = blend(each(), plan).clip(0, 1)
        return picture[..., 0] if grey else picture

    uncertainty = None
    if all(part.uncertainty is not None for part in parts):
        unknown = np.broadcast_to(np.float32(1), (1, *problem.shape))
        uncertainty = whole(lambda part: part.uncertainty, unknown)
    tops, lefts, side = list(plan.tops), list(plan.lefts), list(plan.side)
    return replace(
        first,
        image=whole(lambda part: part.image, problem.guess.clip(0, 1)),
        history=joined([part.history for part in parts], "tile"),
        settings={
            **first.settings,
            "shape": list(problem.shape),
            "tiles": {"side": side, "tops": tops, "lefts": lefts},
        },
        steps=sum(part.steps for part in parts),
        best_step=last.best_step,
        stopped_by=stopped_by,
        stop_reason=reason,
        uncertainty=uncertainty,
        tiles=Tiles(plan, tuple(part.source for part in parts)),
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
