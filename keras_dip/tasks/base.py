"""What a restoration task is: a degradation A, a data term E, and plain-data facts.

A task describes one inverse problem ``x0 = A(x) + noise``. The fit minimises
``E(A(f_theta(z)); x0)`` over the weights theta of a network (Ulyanov, Vedaldi and
Lempitsky, "Deep Image Prior", CVPR 2018, eq. 2). Everything the command line has to
know about a task (its verb, options and presets) is a `Declaration`, plain data that
can be read without importing Keras.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from keras_dip.noise import noise_is_white
from keras_dip.tiles import Window


def thin_skip(channels: int, skips: int) -> dict[str, Any]:
    """Return the network options of the `fast` presets: a skip net with a thin top.

    16 channels at the finest of five scales, `channels` at the others, `skips` in each
    skip connection; and a decoder that is cheaper, and no worse where measured.
    """
    widths = (16, *(channels,) * 4)
    return {
        "down_channels": widths,
        "up_channels": widths,
        "skip_channels": (skips,) * 5,
        "upsampling": "nearest",
        "subpixel": True,
        "use_bias": False,
        "merge_norm": False,
    }


OptionType = Literal[
    "int",
    "float",
    "flag",
    "levels",
    "mask",
    "choice",
    "text",
    "picture",
    "numbers",
    "degradation",
    "model",
]
Arrays = dict[str, Any]


@dataclass(frozen=True)
class Option:
    """One keyword argument of a task, and how the command line asks for it.

    Type "levels" is given in 8-bit grey levels on the command line and reaches Python
    divided by 255; "mask" is a picture file there and an array in Python; "choice" is
    one of `choices`; "picture" is a picture file there and an array [h, w, c] in [0, 1]
    in Python; "numbers" are numbers with commas between them there ("15,30"), a tuple
    in Python; "degradation" is a TOML file there and a list of tasks in Python;
    "model" is a .keras file there and a Keras model in Python.
    """

    name: str
    type: OptionType
    help: str
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """A task as plain data: name, one-line summary, options and presets.

    `verb` is what the command line calls it: None for tasks that it cannot offer, ""
    for the name with dashes.
    """

    name: str
    class_name: str
    summary: str
    options: tuple[Option, ...]
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)
    verb: str | None = ""

    @property
    def title(self) -> str:
        """What a person calls the task: its verb, or its name with dashes."""
        return self.verb or self.name.replace("_", "-")


@dataclass(frozen=True)
class Problem:
    """One picture seen by a task, ready to be fitted.

    `observed` maps names to float32 arrays of shape [1, h, w, c]; "picture" is always
    there. `shape` is (height, width, channels) of the restored picture. `guess` is a
    cheap first estimate of it, [1, H, W, C]. `sigma` is the standard deviation of
    Gaussian noise in what is observed, given or estimated; 0 where there is no noise,
    None where there is some that has no such deviation.
    `scale` is the transform (of `ops.stabilise`) that made the noise Gaussian, if any.
    `operator` is A, from a restored picture to what is observed of it, both
    [1, h, w, c]; None where it is the identity, or where no noise is told apart.
    `jitter` is the deviation of the noise on z that suits the damage, where that tells
    more than a preset can know; None for the preset's.
    `window` is the part of a larger picture that this is, if it is a tile.
    """

    observed: dict[str, np.ndarray]
    shape: tuple[int, int, int]
    guess: np.ndarray
    sigma: float | None = 0.0
    scale: Any = None
    operator: Callable[[Any], Any] | None = None
    jitter: float | None = None
    window: Window | None = None

    @cached_property
    def noise_is_white(self) -> bool:
        """Whether the noise in the observed picture is independent between pixels.

        Looked at once for all members.
        """
        return noise_is_white(self.observed["picture"][0])


class Task:
    """Base of all tasks; the identity degradation with a mean squared error.

    A task overrides `degrade` (A), `data_term` (E), `restored_shape`, `initial_picture`
    and `finish` where its inverse problem differs. `degrade`, `data_term` and `finish`
    work on [1, h, w, c] tensors and are written with `keras.ops`.
    """

    declaration: Declaration

    chains: bool = True
    """Whether it can be one of several: all it does is in `degrade`, `known`, `penalty`
    and `prepare_noise`."""

    grid: int | None = 1
    """Tiles of what is observed begin at multiples of so many pixels; None for a task
    of which no part can be told from the others."""

    shows_noise: bool = True
    """Whether noise can be estimated from what it makes of a picture."""

    compares_pixels: bool = True
    """Whether the observed picture is compared with `degrade`, pixel by pixel; else the
    difference of the two says nothing."""

    @property
    def known(self) -> np.ndarray | None:
        """The mask of known pixels [h, w, c] that a chain of tasks heeds, or None."""
        return None

    @property
    def name(self) -> str:
        """The task's snake_case name, as `DeepImagePrior(task=...)` takes it."""
        return self.declaration.name

    @property
    def takes_alpha(self) -> bool:
        """Whether a picture's alpha is handed to `prepare` as its last channel."""
        return False

    @staticmethod
    def check_known(mask: np.ndarray, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless a mask suits a picture of shape [h, w, c]."""
        height, width, channels = shape
        if mask.shape[:2] != (height, width) or mask.shape[2] not in (1, channels):
            raise ValueError(
                f"Expected a mask of {height} x {width} pixels (height x width), for "
                f"all channels or for each of {channels}. Received: {mask.shape}"
            )

    def preset_settings(self, preset: str) -> dict[str, Any]:
        """Return the settings that `preset` changes for this task.

        Raises:
            ValueError: if the task has no such preset.
        """
        presets = self.declaration.presets
        if preset not in presets:
            raise ValueError(
                f"Expected a preset of {self.name}: {', '.join(presets)}. "
                f"Received: {preset!r}"
            )
        return presets[preset]

    def informed_by(self, info: Any) -> "Task":
        """Return the task with what the picture's file tells, where that is of use.

        Args:
            info: plain data with an attribute `jpeg`, how the file was coded or None,
                as `keras_dip.images` finds it (`ImageInfo`, `PictureType`).
        """
        del info
        return self

    def prepare(self, picture: np.ndarray) -> Problem:
        """Turn a picture [h, w, c] in [0, 1] into the problem that is fitted."""
        observed = {"picture": picture[np.newaxis].astype("float32")}
        return Problem(
            observed=observed,
            shape=self.restored_shape(picture.shape),
            guess=self.initial_picture(observed),
        )

    def unclip(self, problem: Problem, seed: int) -> Problem:
        """Return the problem with what was cut off its noise drawn anew, if it can."""
        del seed
        return problem

    def crop(self, problem: Problem, window: Window) -> Problem:
        """Return the part of a problem that a window of the restored picture shows.

        Args:
            problem: as `prepare` or `unclip` made it.
            window: on the task's grid.
        """

        def part(array: np.ndarray) -> np.ndarray:
            if array.shape[1:3] == (1, 1):
                return array  # a number
            return window.scaled(array.shape[1] / problem.shape[0]).of(array)

        return replace(
            problem,
            observed={name: part(array) for name, array in problem.observed.items()},
            shape=(window.height, window.width, problem.shape[2]),
            guess=part(problem.guess),
            window=window,
        )

    def back_project(self, problem: Problem) -> Problem:
        """Return the problem with a data term that weighs all of what A kept alike.

        That is `|A^+ (A x - x0)|^2` with a softened pseudo-inverse A^+, instead of
        `|A x - x0|^2`: what A weakens would else be fitted late (Zukerman, Tirer and
        Giryes, "BP-DIP: A Backprojection Based Deep Image Prior", EUSIPCO 2020).
        """
        return problem

    def use_quantisation(self, problem: Problem) -> Problem:
        """Return the problem with a data term that knows how x0 was rounded, if it can.

        Every picture that rounds to x0 explains it as well as any other.
        """
        return problem

    def restored_shape(self, observed_shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return (height, width, channels) of the restored picture."""
        height, width, channels = observed_shape
        return height, width, channels

    def initial_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return a cheap first estimate of the restored picture, [1, H, W, C]."""
        return observed["picture"]

    def z_picture(self, observed: dict[str, np.ndarray]) -> np.ndarray:
        """Return what a z made from the picture holds, [1, H, W, c]."""
        return self.initial_picture(observed)

    def degrade(self, x: Any) -> Any:
        """Apply A to a picture [1, H, W, C]."""
        return x

    def data_term(self, x: Any, observed: Arrays) -> Any:
        """Return E(A(x); x0), a scalar: here the mean squared error."""
        from keras import ops

        return ops.mean(self.penalty(self.degrade(x) - observed["picture"]))

    def penalty(self, error: Any) -> Any:
        """Return what an error costs, element by element: here its square."""
        from keras import ops

        return ops.square(error)

    def prepare_noise(self, picture: np.ndarray | None) -> float | None:
        """Return the deviation of the noise that this adds, as `Problem.sigma` has.

        Args:
            picture: what it may be estimated from; None where holes forbid that.
        """
        return 0.0

    def finish(self, x: Any, observed: Arrays) -> Any:
        """Turn the network's output into the restored picture; a part of the ONNX."""
        del observed
        return x

    def settings(self) -> dict[str, Any]:
        """Return the task's own arguments as JSON-able data, for records."""
        return {}

    def built_in(self) -> Any:
        """Return what `data_term` has beside x and `observed`, to be compared.

        Pictures for which that is equal can be fitted by one compiled step. By default
        all attributes of the task.

        Raises:
            TypeError: if it is not to be compared; each picture is then compiled anew.
        """
        return vars(self)


def check_positive_number(value: Any, name: str, upper: float) -> float:
    """Return `value` as a float, or raise ValueError unless 0 < value <= upper."""
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    if not is_number or isinstance(value, bool) or not 0 < value <= upper:
        raise ValueError(
            f"Expected {name} as a number above 0 and at most {upper:g}. "
            f"Received: {value!r}"
        )
    return float(value)
