"""What is written down of a restoration: its settings, and what went in.

The settings go into files and reports; the evidence is what a result can be judged by.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

import keras_dip
from keras_dip import models, tasks
from keras_dip.images import PictureType
from keras_dip.images.convert import quantise
from keras_dip.member import Builder, Member
from keras_dip.models.copies import policy_of
from keras_dip.restoration import Evidence

if TYPE_CHECKING:
    from keras_dip.prior import DeepImagePrior


def settings_of(
    prior: "DeepImagePrior", problem: tasks.Problem, members: Sequence[Member]
) -> dict[str, Any]:
    """Return all settings of a restoration as plain data.

    Args:
        prior: what the user set.
        problem: what was fitted.
        members: those that have a picture.
    """
    member = members[0]
    settings = member.plan.settings
    numbers = asdict(settings)
    if prior.network is not None:
        numbers["network"] = _name_of(prior.network)
        numbers["network_options"] = {}
        numbers["dtype_policy"] = policy_of(member.network)
    else:
        numbers["network_options"] = models.effective_options(
            settings.network, settings.network_options
        )
    if member.rule is not None:
        numbers["stop"] = member.rule.name
    z_size = member.latent.codes.shape[1:3]
    record = {
        "task": prior.task.name,
        "task_options": member.plan.task.settings(),
        "preset": prior.preset,
        "seed": prior.seed,
        **numbers,
        "members": len(members),
        "blend": prior.blend,
        "noise_sigma": (problem.scale or problem).sigma,
        "shape": list(problem.shape),
        "latent_shape": list(member.latent.codes.shape),
        # A z that is smaller than the picture has no pixels around it.
        "crop": [
            max(a - b, 0) // 2 for a, b in zip(z_size, problem.shape, strict=False)
        ],
        "time_limit": prior.time_limit,
        "snapshots": member.plan.snapshots,
        "tiles": None,
        "optimizer": "adam" if prior.optimizer is None else prior.optimizer.name,
        "regularizers": [repr(r) for r in member.plan.priors],
        "jit_compile": member.is_compiled,
        "device": prior.device,
        "versions": {
            "keras_dip": keras_dip.__version__,
            "keras": keras.__version__,
            keras.config.backend(): metadata.version(keras.config.backend()),
            "python": platform.python_version(),
        },
    }
    plain: dict[str, Any] = json.loads(json.dumps(record, default=str))
    return plain


def evidence_of(
    task: tasks.Task,
    problem: tasks.Problem,
    picture: np.ndarray,
    kind: PictureType,
    reference: np.ndarray | None,
    arguments: dict[str, str],
) -> Evidence:
    """Return what went in, in as little memory as it came in.

    Args:
        task: what was restored.
        problem: what the task made of the picture.
        picture: [h, w, c] floats.
        kind: what the picture was before.
        reference: the ground truth [H, W, C], or None.
        arguments: what the user gave, as Python would write it.
    """
    # Without the alpha that was the mask.
    shown = picture[..., :-1] if task.takes_alpha else picture
    known = problem.observed.get("mask", problem.observed.get("known"))
    if known is not None and known.all():
        known = None
    return Evidence(
        quantise(shown, kind.dtype),
        task.degrade if task.compares_pixels else None,
        None if known is None else known[0],
        reference,
        arguments=arguments,
    )


def _name_of(network: keras.Model | Builder) -> str:
    """Return the name of a model, or of the function that builds one."""
    if isinstance(network, keras.Model):
        return str(network.name)
    function = getattr(network, "func", network)  # of a functools.partial
    return str(getattr(function, "__name__", type(function).__name__))
