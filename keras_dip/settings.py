"""Settings of one restoration, and the named recipes that fill them in.

A preset is data: each task declares what it changes (`Declaration.presets`), `Settings`
holds what all have in common, the published values where the paper has one.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any

import keras_dip.models as models
import keras_dip.tasks as tasks
from keras_dip.holes import holes_are_scattered
from keras_dip.latents import check_kind

DEFAULT = "fast"
PICTURE_FIRST = "picture+noise"


@dataclass(frozen=True)
class Settings:
    """All numbers of one fit.

    `jitter` is the standard deviation of the noise added to z afresh at every step;
    `average` the decay of the running average of outputs, 0 for none, corrected for its
    start at zero unless `average_from_first` lets it start at the first output, as the
    reference does; `weight_average` that of a running average of weights, in place of
    outputs. `recorruption` is the factor a of recorrupted pairs, 0 for none (see
    `fitting.PriorModel`); z must then begin with the observed picture. `hiding` is the
    share of pixels that is hidden from z at each step of an inpainting, 0 for none; z
    must then begin with the known pixels and the mask; where holes are wide it is left
    out (`suited`). `unclip` draws anew the noise that was cut at black and white
    (`noise.before_clipping`). `back_projection` compares behind the inverse of A, where
    the task has one (`Task.back_project`). `total_variation` is the weight of that
    explicit prior (`regularizers.TotalVariation`), 0 for none. `quantisation` compares
    with what rounding left of the picture, where the task knows how
    (`Task.use_quantisation`). `optimize` says what is fitted, one of
    `models.offset.CHOICES`. `dtype_policy` is that of Keras, or "auto" for what the
    machine is good at (`precision.policy_for`). `stop` names the rule that ends the
    fit, one of `stopping.NAMES`; `members` is how many fits are averaged.
    """

    steps: int
    network: str = "skip"
    network_options: dict[str, Any] = field(default_factory=dict)
    latent: str = "noise"
    latent_channels: int = 32
    learning_rate: float = 0.01
    beta_2: float = 0.999
    jitter: float = 0.0
    recorruption: float = 0.0
    average: float = 0.0
    average_from_first: bool = False
    weight_average: float = 0.0
    hiding: float = 0.0
    unclip: bool = False
    back_projection: bool = False
    total_variation: float = 0.0
    optimize: str = "net"
    quantisation: bool = False
    dtype_policy: str = "float32"
    stop: str = "none"
    members: int = 1


def resolve(task: tasks.Task, preset: str, **changes: Any) -> Settings:
    """Return the settings of a task's preset, with the changes that are not None.

    A network of another family than the preset's takes none of its options: it has its
    own defaults, and what a fit of it needs (`models.Network.settings`).

    Raises:
        ValueError: if the task has no such preset, or there is no such latent or
            network.
    """
    settings = Settings(**task.preset_settings(preset))
    known = {f.name for f in fields(Settings)}
    given = {k: v for k, v in changes.items() if k in known and v is not None}
    network = models.network(given.get("network", settings.network))
    if network.family != models.network(settings.network).family:
        settings = replace(settings, network_options={}, **network.settings)
    settings = replace(settings, **given)
    check_kind(settings.latent)
    if (settings.recorruption or settings.hiding) and settings.latent != PICTURE_FIRST:
        # Without the picture in z there is nothing to recorrupt, and nothing to hide:
        # the published jitter.
        return replace(settings, recorruption=0.0, hiding=0.0, jitter=1 / 30)
    return settings


def jittered(settings: Settings, problem: tasks.Problem) -> Settings:
    """Return the settings with the jitter that the damage asks for, if it does."""
    if problem.jitter is None:
        return settings
    return replace(settings, jitter=problem.jitter)


def suited(settings: Settings, problem: tasks.Problem) -> Settings:
    """Return the settings as this picture bears them.

    Who learns to fill single pixels cannot fill wide holes: there z is noise, with the
    published jitter.
    """
    mask = problem.observed.get("mask")
    if settings.hiding == 0 or mask is None:
        return settings
    if holes_are_scattered(mask[0].any(axis=-1)):
        return settings
    return replace(
        settings, hiding=0.0, latent="noise", latent_channels=32, jitter=0.03
    )
