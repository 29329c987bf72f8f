"""The average of a fit carried into the weights of one network."""

import numpy as np
import pytest

from keras_dip import fitting
from keras_dip.consolidation import consolidate
from keras_dip.interrupts import Interrupts

SIZE = (12, 10)


@pytest.fixture
def z():
    return np.random.default_rng(0).uniform(0, 0.1, (1, *SIZE, 2)).astype("float32")


def distance(network, z, picture):
    output = network(z, training=True)
    return float(np.sqrt(np.mean((output - picture) ** 2)))


def test_the_network_comes_nearer_to_the_picture(tiny_network, z):
    network = tiny_network(*SIZE)
    # Within reach, a little aside: what other weights near these give.
    neighbour = tiny_network(*SIZE)
    generator = np.random.default_rng(1)
    for weight in neighbour.trainable_weights:
        weight.assign(weight + 0.05 * generator.normal(size=weight.shape))
    picture = np.asarray(neighbour(z, training=True))
    before = distance(network, z, picture)
    assert before > 0.005
    consolidate(network, z, picture, 80, Interrupts())
    assert distance(network, z, picture) < before / 2


def test_an_interrupt_ends_it_after_the_call_and_leaves_a_network_that_works(
    tiny_network, scene, z, monkeypatch
):
    # One step in a call, so that there are calls left to go without.
    monkeypatch.setattr(fitting, "MACS_PER_CALL", {"cpu": 1.0, "gpu": 1.0})
    steps = []

    class Told(Interrupts):
        """Ctrl-C comes during the third step."""

        @property
        def came(self):
            steps.append(True)
            return len(steps) >= 3

        @came.setter
        def came(self, value):
            pass

    network, picture = tiny_network(*SIZE), scene(*SIZE, 3)[np.newaxis]
    before = network.get_weights()
    consolidate(network, z, picture, 80, Told())
    assert len(steps) == 3
    after = network.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
