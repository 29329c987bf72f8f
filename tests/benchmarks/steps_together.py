"""What a step of several fits at once costs with JAX, in one call of many steps.

    KERAS_BACKEND=jax python tests/benchmarks/steps_together.py 512 mixed_bfloat16 4

prints ms a step of all, four times; with `xla` at the end, of layers left to XLA.
"""

import sys
import time

import jax
import numpy as np

from keras_dip.benchmark import model_for
from keras_dip.models import fused
from keras_dip.settings import DEFAULT
from keras_dip.train_steps.jax import _Fit

STEPS = 100


def main(size, policy, count, layers="ours"):
    if layers == "xla":
        fused._jax_forms = lambda: None
    models = [model_for(DEFAULT, int(size), None, policy) for _ in range(int(count))]
    traced = models[0].traced
    states = [
        tuple(
            [variable.value for variable in variables]
            for variables in (
                model.trainable_variables,
                model.non_trainable_variables,
                model.optimizer.variables,
            )
        )
        for model in models
    ]

    def seconds(states, steps):
        fits = [
            _Fit(*pair, np.int32(steps)) for pair in zip(models, states, strict=True)
        ]
        start = time.perf_counter()
        states = jax.block_until_ready(traced.steps(fits))
        return states, time.perf_counter() - start

    # Where calls have no loops, as on a CPU, one takes a single step.
    steps = STEPS if models[0].loops else 1
    states, first = seconds(states, 1)
    print(f"{jax.devices()[0].device_kind}, first call {first:.1f} s")
    for _ in range(4):
        states, taken = seconds(states, steps)
        print(f"{1000 * taken / steps:.2f} ms a step")


if __name__ == "__main__":
    main(*sys.argv[1:])
