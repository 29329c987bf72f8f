"""What a fit does beside its steps, on this machine's CPU: for who waits for a GPU.

    KERAS_BACKEND=jax python tests/benchmarks/beside_steps.py SIZE MEMBERS

The default preset denoises waves of SIZE x SIZE with layers of two channels, so that
its steps cost little, and takes as many steps a call as it would on a GPU. Printed are
the seconds of a first restoration, which compiles, and of a second; those in calls, and
the rest: noise estimate, network, reports, the finished picture.
"""

import sys
import time
from dataclasses import replace

import jax

from keras_dip import DeepImagePrior, fitting
from keras_dip.benchmark import noisy_picture
from keras_dip.train_steps.jax import Steps, Traced

CHANNELS = ("down_channels", "up_channels", "skip_channels")
in_calls = 0.0


def timed(function):
    """Return the function, whose seconds are added to those in calls."""

    def call(*arguments):
        global in_calls
        start = time.perf_counter()
        result = jax.block_until_ready(function(*arguments))
        in_calls += time.perf_counter() - start
        return result

    return call


def as_on_a_gpu():
    """Let calls take as many steps as there, and be timed."""
    make = Steps.make_train_function

    def make_timed(self, force=False):
        make(self, force)
        if self.traced.alone is not None:
            self.train_function = timed(self.train_function)

    Steps.loops = True
    Steps.make_train_function = make_timed
    Traced.steps = timed(Traced.steps)
    fitting.MACS_PER_CALL["cpu"] = fitting.MACS_PER_CALL["gpu"]


def thin(prior):
    """Return the prior with two channels in each layer."""
    options = dict(prior.settings.network_options)
    for name in CHANNELS:
        given = options[name]
        options[name] = 2 if isinstance(given, int) else (2,) * len(given)
    prior.settings = replace(prior.settings, network_options=options)
    return prior


def main(size, members):
    """Print the seconds of a first and of a second restoration."""
    global in_calls
    as_on_a_gpu()
    options = {"members": members, "fit_together": members, "dtype_policy": "float32"}
    prior = thin(DeepImagePrior(device="cpu", **options))
    for _ in range(2):
        in_calls = 0.0
        start = time.perf_counter()
        made = prior.fit(noisy_picture(size))
        whole = time.perf_counter() - start
        print(
            f"{members} of {size}x{size}, {made.steps} steps: {whole:.2f} s, "
            f"{in_calls:.2f} in calls, {whole - in_calls:.2f} beside them"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
