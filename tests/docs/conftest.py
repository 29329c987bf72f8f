"""Fits of pages: real ones, but for the size of the network and the number of steps."""

from dataclasses import replace

import pytest

STEPS, CHANNELS = 2, 4


class Limit:
    """The largest number of steps of a fit."""

    def __init__(self):
        self.steps = STEPS


@pytest.fixture
def short_fits(monkeypatch):
    """Let fits end after a few steps; return the `Limit`.

    Everything else of a fit is as it is: the task, the stopping rule, members, tiles,
    checkpoints, files. Tracing the step of a network of five scales takes seconds: here
    networks by name keep one thin scale, and their steps are run without being traced.
    """
    from keras_dip import member, models, prior
    from keras_dip.fitting import PriorModel
    from keras_dip.train_steps import tensorflow

    limit = Limit()
    resolve, build = prior.resolve, models.build
    compile_model, train_step = PriorModel.compile, PriorModel.train_step

    def short(*args, **given):
        settings = resolve(*args, **given)
        return replace(settings, steps=min(settings.steps, limit.steps))

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

    def compiled(self, **given):
        compile_model(self, **{**given, "jit_compile": False}, run_eagerly=True)

    def untraced(self, data):
        # Of the loss a number: Keras cannot take a variable apart outside of a graph.
        return {"loss": float(train_step(self, data)["loss"])}

    def apply(optimizer, gradients, weights):
        optimizer.apply(gradients, weights)

    monkeypatch.setattr(prior, "resolve", short)
    monkeypatch.setattr(models, "build", thin)
    monkeypatch.setattr(member, "STEPS", STEPS)  # of the consolidation
    monkeypatch.setattr(PriorModel, "compile", compiled)
    monkeypatch.setattr(PriorModel, "train_step", untraced)
    monkeypatch.setattr(tensorflow, "_apply", apply)
    return limit
