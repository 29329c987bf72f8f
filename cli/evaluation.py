"""The pictures of an evaluation, one after the other: restored, compared, told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_dip.cli import FAILED, INTERRUPTED
from keras_dip.cli.messages import Messages
from keras_dip.cli.table import Lines, Row, mean

if TYPE_CHECKING:
    from keras_dip.degradations import Degradation
    from keras_dip.evaluation import Case, Pair, Protocol
    from keras_dip.restoration import Restoration


@dataclass(frozen=True)
class Evaluation:
    """What was asked for: how to read, to restore and to compare."""

    task: str
    factor: int | None
    noise: str | None
    degradation: Degradation | None
    crop_multiple: int
    protocol: Protocol
    settings: dict[str, Any]
    save: Path | None
    force: bool


def print_rows(
    evaluation: Evaluation, pairs: Sequence[Pair], messages: Messages
) -> tuple[list[Row], int]:
    """Restore one picture after the other; return the rows and the exit code."""
    lines = Lines([pair.name for pair in pairs])
    click.echo(lines.heading())
    rows: list[Row] = []
    code = 0
    for index, pair in enumerate(pairs, 1):
        title = f"{pair.name} ({index} of {len(pairs)})"
        try:
            row = _evaluate(evaluation, pair, title, messages)
        except click.ClickException:
            raise
        except KeyboardInterrupt:
            code = INTERRUPTED
            break
        except Exception as error:
            row = _failure(pair, error, messages)
        rows.append(row)
        click.echo(lines.line(row))
        if row.error:
            code = FAILED
        if row.stopped_by == "interrupt":
            code = INTERRUPTED
            break
    rows.append(mean(rows))
    click.echo(lines.line(rows[-1]))
    return rows, code


def _evaluate(
    evaluation: Evaluation, pair: Pair, title: str, messages: Messages
) -> Row:
    """Restore one picture, save it if asked for, and compare it."""
    from keras_dip.cli.fit import fit, make_task
    from keras_dip.evaluation import load

    case = load(
        pair,
        task=evaluation.task,
        degradation=evaluation.degradation,
        crop_multiple=evaluation.crop_multiple,
        seed=evaluation.settings["seed"],
    )
    before, _ = evaluation.protocol.scores(case.unrestored(), case.clean, case.depth)
    arguments = _arguments(evaluation, case)
    task = make_task(evaluation.task, arguments).informed_by(case)
    outcome = fit(
        task,
        case.degraded,
        settings=evaluation.settings,
        messages=messages,
        title=title,
    )
    if outcome.error is not None:
        raise outcome.error
    restoration = outcome.restoration
    _save(evaluation, pair, restoration)
    after, similarity = evaluation.protocol.scores(
        restoration.image, case.clean, case.depth
    )
    return Row(
        pair.name,
        before,
        after,
        similarity,
        restoration.seconds,
        restoration.steps,
        restoration.best_step,
        restoration.stopped_by,
    )


def _arguments(evaluation: Evaluation, case: Case) -> dict[str, Any]:
    if evaluation.task == "super_resolve":
        return {"factor": evaluation.factor}
    if evaluation.task == "inpaint":
        return {"mask": case.mask, "keep_known": True}
    if evaluation.noise:
        return {"noise": evaluation.noise}
    return {}


def _save(evaluation: Evaluation, pair: Pair, restoration: Restoration) -> None:
    from keras_dip.cli.folders import make_folder

    if evaluation.save is not None:
        folder = make_folder(evaluation.save)
        restoration.save(folder / f"{pair.name}.png", force=evaluation.force)


def _failure(pair: Pair, error: Exception, messages: Messages) -> Row:
    from keras_dip.errors import KerasDipError

    text = " ".join(str(error).split())
    foreseen = isinstance(error, KerasDipError)
    reason = text if foreseen and text else f"{type(error).__name__}: {text}"
    messages.error(f"{pair.name}: {reason}")
    messages.traceback(error)
    return Row(pair.name, error=reason)
