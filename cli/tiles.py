"""One tile of a large picture at a time, in a process that has many to fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_dip.cli.messages import Messages
from keras_dip.cli.request import Request
from keras_dip.errors import KerasDipError

if TYPE_CHECKING:
    from keras_dip.tiled import Cut

_prepared: list[tuple[Request, Cut | None]] = []
"""The picture of the last call: to read and measure a large one takes its time."""


def count(request: Request, messages: Messages) -> int:
    """Return how many tiles the picture of a request is cut into; 1 if it is whole."""
    cut = _cut(request, messages)
    return 1 if cut is None else len(cut.tiling.windows)


def fit_tile(request: Request, tile: int, messages: Messages) -> None:
    """Fit one tile, from 0, and leave it in the checkpoint folder of the request."""
    cut = _cut(request, messages)
    if cut is None:
        raise KerasDipError(f"Expected a picture with a tile {tile}. Received: none.")
    cut.fit(tile)


def release() -> None:
    """Let go of the picture of the last call."""
    _prepared.clear()


def _cut(request: Request, messages: Messages) -> Cut | None:
    if [kept for kept, _ in _prepared] == [request]:
        return _prepared[0][1]
    release()
    from keras_dip.cli.fit import opened, prior_for
    from keras_dip.cli.task_command import arguments_of, checkpoint_of, prepare

    ready = prepare(request, messages)
    checkpoint = opened(checkpoint_of(request))
    if checkpoint is None:
        raise KerasDipError("Expected a checkpoint folder for tiles. Received: none.")
    with prior_for(ready.task, arguments_of(request), messages) as prior:
        try:
            cut = prior.cut(
                ready.picture,
                checkpoint,
                reference=ready.reference,
                warm_start=request.warm_start,
            )
        except ValueError as error:
            raise KerasDipError(str(error)) from error
    _prepared.append((request, cut))
    return cut
