"""What a fit refuses under JAX; run by test_under_jax.py."""

import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, Operator


def rounded(x):
    return keras.ops.round(255 * x) / 255


@pytest.mark.parametrize("operator", [rounded, lambda x: 0 * rounded(x) + 0.5])
def test_a_loss_without_a_gradient_is_refused(operator, scene):
    prior = DeepImagePrior(Operator(operator), network="pixels", steps=3)
    with pytest.raises(ValueError, match=r"differentiable.* a loss without"):
        prior.fit(scene(12, 10, 3))


def test_one_with_a_gradient_is_not(scene):
    noisy = np.clip(scene(12, 10, 3), 0, 1)
    prior = DeepImagePrior(Operator(lambda x: x**2), network="pixels", steps=3)
    assert prior.fit(noisy**2).steps == 3
