"""What a study is: a setup goes in, fits and a table come out, all plain data."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_dip.tasks import Declaration, Task

PRESET = "study"
"""The one preset that the tasks of the studies have."""

JITTER = 1 / 30
"""Of z, as published for natural pictures."""


@dataclass(frozen=True)
class Study:
    """A study as plain data.

    Attributes:
        name: as the command line calls it.
        summary: what it shows, one line.
        steps: steps of each fit, unless told otherwise.
        size: side of the square picture in pixels, unless told otherwise.
        pictures: names of the picture files that it draws.
    """

    name: str
    summary: str
    steps: int
    size: int
    pictures: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of all files: pictures, table and settings."""
        return (*self.pictures, f"{self.name}.csv", f"{self.name}.json")


@contextmanager
def _unwatched(title: str) -> Iterator[list[Any]]:
    yield []


@dataclass(frozen=True, eq=False)
class Setup:
    """What a study works on.

    Attributes:
        picture: the clean picture, floats in [0, 1], [h, w, c].
        steps: steps of each fit.
        seed: seed of networks, z, jitter and damage.
        channels: channels of the skip networks at each scale; 128 in the paper.
        noise: standard deviation of added noise, in [0, 1] units.
        watch: gives the Keras callbacks that show how far the fit of a title is, as a
            context around that fit.
    """

    picture: np.ndarray
    steps: int
    seed: int = 0
    channels: int = 32
    noise: float = 25 / 255
    watch: Callable[[str], AbstractContextManager[list[Any]]] = _unwatched


@dataclass(frozen=True, eq=False)
class Fit:
    """One fit of a study.

    Attributes:
        name: what it is called in plots and tables.
        image: the picture that it ended with, [h, w, c].
        history: curves by name, one entry per report, as those of a `Restoration`.
        weights: how many numbers were fitted.
        seconds: how long it took.
        stopped_by: the word of `Restoration.stopped_by`.
        settings: everything that was set, as plain data.
        extra: what the study itself adds.
    """

    name: str
    image: np.ndarray
    history: dict[str, np.ndarray]
    weights: int
    seconds: float
    stopped_by: str
    settings: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a study.

    Attributes:
        fits: all fits, in order.
        rows: the table; all rows have the same columns.
        pictures: the pictures that were given, by name, [h, w, c].
        interrupted: whether Ctrl-C ended the study before its end.
    """

    fits: list[Fit]
    rows: list[dict[str, Any]]
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    interrupted: bool = False


class Identity(Task):
    """The picture as it is, by the mean squared error: A changes nothing."""

    declaration = Declaration(
        name="identity",
        class_name="Identity",
        summary="Fit the picture as it is.",
        options=(),
        presets={PRESET: {"steps": 1000}},
    )

    def __init__(self, jitter: float = JITTER) -> None:
        """Set the deviation of the noise that is added to z at each step."""
        self.jitter = jitter

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the settings, with the jitter."""
        return {**super().preset_settings(preset), "jitter": self.jitter}


def in_turn(fits: Iterable[Fit]) -> tuple[list[Fit], bool]:
    """Return fits that are made as they are asked for, up to a Ctrl-C, and if it came.

    Raises:
        KeyboardInterrupt: if it came before there was anything to show.
    """
    made: list[Fit] = []
    try:
        for done in fits:
            if len(done.history["step"]):
                made.append(done)
            if done.stopped_by == "interrupt":
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        if not made:
            raise
        return made, True
    return made, False


def fit(
    setup: Setup,
    name: str,
    task: Task,
    picture: np.ndarray,
    *,
    network: Any,
    reference: np.ndarray | None = None,
    callbacks: Sequence[Any] = (),
    **arguments: Any,
) -> Fit:
    """Fit a network to a picture for all steps of the setup.

    Args:
        setup: steps, seed and who watches.
        name: what the fit is called.
        task: a task with the preset `PRESET`.
        picture: what is fitted, [h, w, c].
        network: name of a network, or a Keras model.
        reference: the clean picture, for the curves `psnr` and `ssim`.
        callbacks: Keras callbacks that see the logs of every report.
        arguments: more arguments of `DeepImagePrior`.
    """
    from keras_dip.prior import DeepImagePrior

    with setup.watch(name) as watching:
        prior = DeepImagePrior(
            task,
            network=network,
            preset=PRESET,
            steps=setup.steps,
            stop="none",
            seed=setup.seed,
            callbacks=[*callbacks, *watching],
            **arguments,
        )
        restoration = prior.fit(picture, reference=reference)
    fitted = restoration.source.network.trainable_variables
    return Fit(
        name,
        restoration.image,
        restoration.history,
        sum(int(np.prod(variable.shape)) for variable in fitted),
        restoration.seconds,
        restoration.stopped_by,
        restoration.settings,
    )


def skip_network(setup: Setup, *, input_channels: int = 32) -> Any:
    """Build the skip network of the paper with the setup's number of channels.

    z has `input_channels`; at 128 channels it is the published network.
    """
    from keras_dip import models

    return models.build(
        "skip",
        setup.picture.shape[:2],
        input_channels=input_channels,
        output_channels=setup.picture.shape[2],
        down_channels=(setup.channels,) * 5,
        up_channels=(setup.channels,) * 5,
        seed=setup.seed,
    )
