"""The average of a fit carried into the weights of one network."""

import numpy as np
import pytest

from keras_dip import consolidation
from keras_dip.consolidation import consolidate
from keras_dip.fitting import PriorModel

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
    consolidate(network, z, picture)
    assert distance(network, z, picture) < before / 2


def test_an_interrupt_leaves_a_network_that_works(tiny_network, scene, z, monkeypatch):
    def interrupted(self, steps):
        PriorModel.fit(
            self, np.ones((1, 1), "int32"), batch_size=1, epochs=1, verbose=0
        )
        raise KeyboardInterrupt

    monkeypatch.setattr(consolidation.PriorModel, "take_steps", interrupted)
    network, picture = tiny_network(*SIZE), scene(*SIZE, 3)[np.newaxis]
    before = network.get_weights()
    consolidate(network, z, picture)
    after = network.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
