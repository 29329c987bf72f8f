"""Fits of pages: real ones, but for the size of the network and the number of steps."""

from dataclasses import replace

import pytest

CHANNELS = 4


@pytest.fixture(scope="session")
def all_traces():
    """Compiled steps of all fits so far, by what their graphs were made from."""
    from keras_dip.traces import Traces

    class AllTraces(Traces):
        def __init__(self):
            super().__init__()
            self.kept = {}

        def model(self, key, parts, build):
            one = self.kept.setdefault((key, *map(id, parts)), Traces())
            return one.model(key, parts, build)

    return AllTraces()


@pytest.fixture
def short_fits(all_traces, monkeypatch):
    """Let fits end after a few steps; return an object with their largest number.

    Everything else of a fit is as it is: the task, the stopping rule, members, tiles,
    checkpoints, files. Networks by name keep one thin scale, as tracing the step of
    five takes seconds.
    """
    from keras_dip import models, prior
    from keras_dip.traces import shared_traces

    class Limit:
        steps = 30  # reports at 25 and at 30

    resolve, build = prior.resolve, models.build

    def short(*args, **given):
        settings = resolve(*args, **given)
        return replace(settings, steps=min(settings.steps, Limit.steps))

    def thin(name, image_size, **given):
        for option, value in {**models.effective_options(name, {}), **given}.items():
            if isinstance(value, list | tuple):
                kept = value[: 2 if name == "unet" else 1]  # it has two at least
                if option.endswith("_channels"):
                    kept = [min(count, CHANNELS) for count in kept]
                given[option] = tuple(kept)
            elif option == "blocks":
                given[option] = 1
        return build(name, image_size, **given)

    monkeypatch.setattr(prior, "resolve", short)
    monkeypatch.setattr(models, "build", thin)
    with shared_traces(all_traces):
        yield Limit
