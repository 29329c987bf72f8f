"""Restorations to report on: one of a short fit, and some that were never fitted."""

from dataclasses import replace

import numpy as np
import pytest

from keras_dip.latents import make_latent
from keras_dip.restoration import Evidence, Restoration, Snapshot, Source

SHAPE = (48, 64, 3)


@pytest.fixture(scope="session")
def fitted(scene, small_skip):
    """Fit a small network to a noisy picture, with snapshots and the clean one."""
    from keras_dip import DeepImagePrior, Denoise

    clean, noisy = scene(*SHAPE), scene(*SHAPE, noise=0.1)
    levels = np.rint(noisy * 255).astype("uint8")
    prior = DeepImagePrior(
        Denoise(sigma=0.1), network=small_skip, steps=100, snapshots=4, stop="wmv"
    )
    return prior.fit(levels, reference=clean)


@pytest.fixture(scope="session")
def made(scene, tiny_network):
    """Make restorations of any size without a fit; `changes` replace parts."""

    def make(*shape, **changes):
        clean = scene(*shape)
        noise = np.random.default_rng(0).normal(0, 0.1, shape)
        given = np.rint((clean + noise).clip(0, 1) * 255).astype("uint8")
        channels = shape[2] if len(shape) == 3 else 1
        latent = make_latent("noise", shape[:2], 2, seed=1)
        network = tiny_network(*shape[:2], channels)
        steps = np.array([25, 50, 75, 100])
        restoration = Restoration(
            image=clean,
            history={
                "step": steps,
                "loss": np.array([0.04, 0.02, 0.012, 0.01]),
                "seconds": steps / 10,
                "criterion": np.array([np.nan, 0.3, 0.2, 0.4]),
            },
            settings={
                "task": "denoise",
                "task_options": {"sigma": None, "noise": "gaussian"},
                "network": "tiny",
                "steps": 100,
                "seed": 0,
                "members": 1,
                "versions": {"keras_dip": "1.2.3"},
            },
            steps=100,
            best_step=75,
            stopped_by="wmv",
            stop_reason="It was enough.",
            seconds=10.0,
            source=Source(network, latent, lambda x: x, "uint8"),
            evidence=Evidence(given.reshape(*shape[:2], channels), lambda x: x),
        )
        return replace(restoration, **changes)

    return make


@pytest.fixture(scope="session")
def with_iterates():
    """Give a restoration iterates, from a function of the step."""

    def give(restoration, steps, picture_at):
        source = replace(restoration.source, picture_at=picture_at)
        snapshots = {step: Snapshot(step, 0.1) for step in steps}
        return replace(restoration, source=source, snapshots=snapshots)

    return give
