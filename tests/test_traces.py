"""One compiled step for several pictures, which keep nothing of each other."""

import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, Denoise, Inpaint, Reconstruct, member
from keras_dip.traces import shared_traces


class Counted:
    """A task that counts how often its data term is traced."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.traced = []

    def built_in(self):
        return getattr(self, "noise", None)  # not the count

    def data_term(self, x, observed):
        self.traced.append(x.shape)
        return super().data_term(x, observed)


class CountedReconstruct(Counted, Reconstruct):
    pass


class CountedDenoise(Counted, Denoise):
    pass


def prior(task, network, **options):
    return DeepImagePrior(
        task, network=network, **{"steps": 3, "stop": "none", **options}
    )


def test_pictures_of_one_shape_share_a_step_and_nothing_else(tiny_network, scene):
    network, images = tiny_network(9, 12), [scene(9, 12, 3, seed=i) for i in (1, 2)]
    images[1] = images[1][::-1].copy()
    alone = [prior(CountedReconstruct(), network).fit(img).image for img in images]
    task = CountedReconstruct()
    shared = prior(task, network)
    first, second, again = (shared.fit(images[i]).image for i in (0, 1, 0))
    assert len(task.traced) == 1
    np.testing.assert_array_equal(first, alone[0])
    np.testing.assert_array_equal(second, alone[1])
    np.testing.assert_array_equal(again, first)


def test_noise_of_another_level_needs_no_other_step(tiny_network, scene):
    def fit(task, img, shared):
        # Recorrupted pairs, with a z that begins with the picture.
        network = tiny_network(16, 16, inputs=8)
        return (shared or prior(task, network, preset="fast")).fit(img)

    weak, strong = (scene(16, 16, 3, noise=s) for s in (0.02, 0.1))
    task = CountedDenoise()
    shared = prior(task, tiny_network(16, 16, inputs=8), preset="fast")
    fit(task, weak, shared)
    with_shared = fit(task, strong, shared)
    assert len(task.traced) == 1
    alone = fit(CountedDenoise(), strong, None)
    np.testing.assert_array_equal(with_shared.image, alone.image)


def test_members_share_a_step(tiny_network, scene):
    img = scene(9, 12, 3)
    task = CountedReconstruct()
    both = prior(task, tiny_network(9, 12), members=2, snapshots=2).fit(img)
    assert len(task.traced) == 1
    assert both.uncertainty is not None
    assert sorted(both.snapshots) == [3]


@pytest.mark.parametrize(
    ("task", "other", "shape", "rate"),
    [
        (CountedReconstruct(), CountedReconstruct(), (12, 9, 3), 0.01),
        (CountedReconstruct(), CountedReconstruct(), (9, 12, 3), 0.02),
        (CountedDenoise(noise="unknown"), CountedDenoise(noise="impulse"), None, 0.01),
    ],
)
def test_what_differs_in_the_graph_is_traced_anew(scene, task, other, shape, rate):
    with shared_traces():
        prior(task, "pixels", learning_rate=0.01).fit(scene(9, 12, 3))
        prior(other, "pixels", learning_rate=rate).fit(scene(*(shape or (9, 12, 3))))
    assert len(task.traced) == len(other.traced) == 1


def test_masks_are_no_part_of_a_step(tiny_network, scene):
    img, masks = scene(9, 12, 3), [np.ones((9, 12), bool) for _ in range(2)]
    masks[0][2:4], masks[1][:, 5:7] = False, False
    network = tiny_network(9, 12)
    with shared_traces():
        images = [prior(Inpaint(m), network, latent="noise").fit(img) for m in masks]
    alone = prior(Inpaint(masks[1]), network, latent="noise").fit(img)
    np.testing.assert_array_equal(images[1].image, alone.image)
    assert not (images[0].image == images[1].image).all()


def layers_named_by_keras(size, *, activation, **given):
    z = keras.Input((*size, given["input_channels"]))
    inner = keras.Input((*size, 5))
    x = keras.layers.Conv2D(5, 3, padding="same", activation=activation)(z)
    x = keras.Model(inner, keras.layers.Conv2D(5, 1)(inner))(x) + x
    channels = given["output_channels"]
    return keras.Model(z, keras.layers.Conv2D(channels, 1, activation="sigmoid")(x))


def network_by(activations=("relu", "relu")):
    """Return a function whose first, second ... network has that activation."""
    coming = list(activations)

    def build(size, *, seed, **given):
        keras.utils.set_random_seed(seed % 2**32)
        activation = coming.pop(0)
        return layers_named_by_keras(size, activation=activation, **given)

    return build


@pytest.mark.parametrize(
    ("activations", "expected"), [(("relu", "relu"), 1), (("relu", "tanh"), 2)]
)
def test_networks_of_a_function_share_a_step_if_they_are_alike(
    scene, activations, expected
):
    task, network = CountedReconstruct(), network_by(activations)
    prior(task, network, latent="noise", members=2).fit(scene(9, 12, 3))
    assert len(task.traced) == expected


@keras.saving.register_keras_serializable("tests")
class Features(keras.layers.Layer):
    """Mixes channels by numbers that its seed decides, and that are no weights."""

    def __init__(self, seed, **options):
        super().__init__(**options)
        self.seed = seed

    def call(self, x):
        mix = np.random.default_rng(self.seed).normal(size=(x.shape[-1], 8))
        return keras.ops.sin(x @ mix.astype("float32"))

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable("tests")
def halved(x):
    return x / 2


@pytest.mark.parametrize("kind", [Features, keras.layers.Lambda])
def test_layers_that_keep_more_than_their_config_tells_share_none(scene, kind):
    task, seeds = CountedReconstruct(), iter((1, 2))

    def build(size, *, input_channels, output_channels, **given):
        seed = next(seeds)
        z = keras.Input((*size, input_channels))
        x = kind(seed if kind is Features else halved)(z)
        x = keras.layers.Conv2D(output_channels, 1, activation="sigmoid")(x)
        return keras.Model(z, x)

    prior(task, build, latent="noise", members=2).fit(scene(9, 12, 3))
    assert len(task.traced) == 2


def test_members_that_share_a_step_are_those_that_do_not(scene, monkeypatch):
    def fit():
        task = CountedReconstruct()
        made = prior(task, network_by(), latent="noise", members=2).fit(scene(9, 12, 3))
        return made.image, made.uncertainty, len(task.traced)

    *shared, once = fit()
    monkeypatch.setattr(member, "architecture", lambda network: None)
    *apart, twice = fit()
    assert (once, twice) == (1, 2)
    np.testing.assert_array_equal(shared, apart)
    assert apart[1].max() > 0
