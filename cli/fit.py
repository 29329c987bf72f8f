"""One fit as the command line runs it: quiet, with progress, and never in vain."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from keras_dip import tasks
from keras_dip.batch.machine import NO_GPU
from keras_dip.cli.messages import Messages
from keras_dip.cli.progress import Display, display_for
from keras_dip.errors import KerasDipError

if TYPE_CHECKING:
    import numpy as np

    from keras_dip.checkpoint import Checkpoint
    from keras_dip.prior import DeepImagePrior
    from keras_dip.restoration import Restoration


PRIORS = {"total_variation": "TotalVariation", "tikhonov": "Tikhonov"}
"""Classes of the explicit priors, by the names of their options."""


@dataclass(frozen=True)
class Outcome:
    """The best picture of a fit, and what ended the fit early if something broke."""

    restoration: Restoration
    error: Exception | None = None


def make_task(name: str, options: dict[str, Any]) -> tasks.Task:
    """Build a task; values that it refuses are wrong usage."""
    try:
        return tasks.get(name)(**options)
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from error


def fit(
    task: tasks.Task,
    picture: np.ndarray,
    *,
    reference: np.ndarray | None = None,
    settings: dict[str, Any],
    warm_start: str | None = None,
    checkpoint: tuple[str, float | None] | None = None,
    messages: Messages,
    title: str | None = None,
) -> Outcome:
    """Fit a network to a picture and show how far it is.

    Args:
        task: What to restore.
        picture: The picture, in the integers of its file.
        reference: The undamaged picture, for the PSNR.
        settings: Arguments of `DeepImagePrior`; those that are None are left out.
        warm_start: A `.keras` file whose weights the fit begins with.
        checkpoint: Folder that keeps the progress, and every how many seconds.
        messages: Where to speak.
        title: What the progress is called; by default the task.
    """
    with prior_for(task, settings, messages, title=title) as prior:
        try:
            restoration = prior.fit(
                picture,
                reference=reference,
                warm_start=warm_start,
                checkpoint=opened(checkpoint),
            )
            return Outcome(restoration)
        except Exception as error:
            if prior.restoration is not None:
                return Outcome(prior.restoration, error)
            if isinstance(error, ValueError):  # the picture or reference was refused
                raise KerasDipError(str(error)) from error
            raise


@contextlib.contextmanager
def prior_for(
    task: tasks.Task,
    settings: dict[str, Any],
    messages: Messages,
    *,
    title: str | None = None,
    display: Display | None = None,
) -> Iterator[DeepImagePrior]:
    """Give the prior of a fit, which shows how far it is; as for `fit`.

    `display` shows it in place of the terminal.
    """
    display = display or display_for(messages, title or task.declaration.title)
    # Standard output may be the picture: whatever prints there now is moved away.
    with display, contextlib.redirect_stdout(sys.stderr):
        hide_gpus(settings.get("device"))
        with hushed_tensorflow(messages):
            from keras_dip.prior import DeepImagePrior
            from keras_dip.progress import ProgressCallback

        given = {name: value for name, value in settings.items() if value is not None}
        priors = {name: given.pop(name) for name in PRIORS if name in given}
        if priors:
            given["regularizer"] = _regularizers(priors)
        try:
            progress = ProgressCallback(display, every_call=True)
            prior = DeepImagePrior(task, callbacks=[progress], **given)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        yield prior


def opened(checkpoint: tuple[str, float | None] | None) -> Checkpoint | None:
    """Return what keeps the progress in a folder, every so many seconds."""
    if checkpoint is None:
        return None
    from keras_dip.checkpoint import INTERVAL, Checkpoint

    folder, interval = checkpoint
    return Checkpoint(folder, INTERVAL if interval is None else interval)


def _regularizers(weights: dict[str, float]) -> list[Any]:
    """Return explicit priors by the names of their options."""
    from keras_dip import regularizers

    return [getattr(regularizers, PRIORS[name])(w) for name, w in weights.items() if w]


def hide_gpus(device: str | None) -> None:
    """Keep the process off the GPUs if it is to use the CPU; before Keras begins."""
    if device == "cpu" and "keras" not in sys.modules:
        os.environ.update(NO_GPU)


@contextlib.contextmanager
def hushed_tensorflow(messages: Messages) -> Iterator[None]:
    """Keep TensorFlow's log off the terminal while it is imported.

    TF_CPP_MIN_LOG_LEVEL silences most of it; but what TensorFlow 2.21 says before its
    logging is set up goes to file descriptor 2 whatever that says.
    """
    if messages.verbose:
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
