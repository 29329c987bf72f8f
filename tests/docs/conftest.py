"""Fits of pages: real ones, but for the size of the network and the number of steps."""

from dataclasses import replace

import pytest

SCALES, CHANNELS = 2, 4


@pytest.fixture
def short_fits(monkeypatch):
    """Let fits end after a few steps; return an object with their largest number.

    Everything else of a fit is as it is: the task, the stopping rule, members, tiles,
    checkpoints, files. Networks by name keep two thin scales, as tracing the step of
    five takes seconds.
    """
    from keras_dip import models, prior

    class Limit:
        steps = 30  # reports at 25 and at 30

    resolve, build = prior.resolve, models.build

    def short(*args, **given):
        settings = resolve(*args, **given)
        return replace(settings, steps=min(settings.steps, Limit.steps))

    def thin(name, image_size, **given):
        for option, value in {**models.effective_options(name, {}), **given}.items():
            if isinstance(value, list | tuple) and len(value) > SCALES:
                kept = value[:SCALES]
                if option.endswith("_channels"):
                    kept = [min(count, CHANNELS) for count in kept]
                given[option] = tuple(kept)
        return build(name, image_size, **given)

    monkeypatch.setattr(prior, "resolve", short)
    monkeypatch.setattr(models, "build", thin)
    return Limit
