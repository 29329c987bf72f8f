"""Known pixels that are hidden from z, and alone compared, at each step of a fit."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_dip import DeepImagePrior, Inpaint
from keras_dip.fitting import PriorModel
from keras_dip.latents import mirror_to
from keras_dip.models.fused import Adam
from keras_dip.settings import resolve, suited

SIZE = (12, 10)  # of the picture
Z_SIZE = (14, 12)
CHANNELS = 2
EVERYWHERE = np.ones(SIZE, bool)


def cropped_network():
    """Return a network from z, which is larger, to a picture."""
    z = keras.Input((*Z_SIZE, CHANNELS + 3))
    x = keras.layers.Cropping2D(1)(z)
    uniform = keras.initializers.RandomUniform(-0.3, 0.3, seed=0)
    return keras.Model(
        z, keras.layers.Conv2D(CHANNELS, 1, kernel_initializer=uniform)(x)
    )


def make_model(mask, hiding=0.4, seed=1, **options):
    """Make a model whose z is the known pixels, the mask and two channels of noise."""
    rng = np.random.default_rng(0)
    picture = rng.uniform(0.2, 1, (1, *SIZE, CHANNELS)).astype("float32")
    task = Inpaint(mask)
    observed = task.prepare(picture[0]).observed
    given = mirror_to(task.z_picture(observed), Z_SIZE)
    noise = rng.uniform(0, 0.1, (1, *Z_SIZE, 2))
    z = np.concatenate([given, noise], axis=-1).astype("float32")
    network = cropped_network()
    model = PriorModel(
        *(network, task.data_term, z, observed),
        **{"hiding": hiding, "seed": seed, **options},
    )
    optimizer = Adam(0.01)
    optimizer.build(network.trainable_variables)
    model.compile(optimizer=optimizer, jit_compile=False)
    return model


def draw(model):
    """Return z as a step sees it, and what it is compared with."""
    z, observed = model._draw()
    return np.asarray(z), {k: np.asarray(x) for k, x in observed.items()}


@pytest.mark.parametrize("hiding", [0.2, 0.4])
def test_what_is_hidden_from_z_is_what_is_compared(hiding):
    mask = np.random.default_rng(3).uniform(size=SIZE) < 0.6
    model = make_model(mask, hiding=hiding)
    z = model.z.numpy()
    picture = model.observed["picture"].numpy()
    hidden = []
    for _ in range(5):
        seen, observed = draw(model)
        known, left = z[..., 2:3], seen[..., 2:3]
        assert set(np.unique(left)) == {0, 1}
        assert (left <= known).all()
        # In z: the picture and the mask of it; nothing else.
        np.testing.assert_array_equal(seen[..., :2], z[..., :2] * left)
        np.testing.assert_array_equal(seen[..., 3:], z[..., 3:])
        # In the data term: just these, where the picture is.
        inside = (known - left)[:, 1:-1, 1:-1]
        np.testing.assert_array_equal(observed["mask"], inside)
        np.testing.assert_array_equal(observed["picture"], picture)
        assert 0 < inside.sum() < mask.sum()
        x = np.zeros_like(picture)
        error = float(model.data_term(x, observed))
        assert error == pytest.approx(np.mean((picture * inside) ** 2), rel=1e-4)
        hidden.append(inside)
    assert not np.array_equal(hidden[0], hidden[1])


def test_as_much_is_hidden_as_was_asked_for_and_anywhere():
    model = make_model(EVERYWHERE, hiding=0.25)
    hidden = np.stack([1 - draw(model)[0][0, ..., 2] for _ in range(60)])
    assert hidden.mean() == pytest.approx(0.25, abs=0.02)
    assert 0 < hidden.mean(axis=0).min() < hidden.mean(axis=0).max() < 0.6


def test_the_picture_of_z_is_that_of_all_that_is_known():
    mask = np.random.default_rng(3).uniform(size=SIZE) < 0.6
    model = make_model(mask, weight_average=0.5)
    before = model.z.numpy().copy()
    observed = {k: x.numpy().copy() for k, x in model.observed.items()}
    model.take_steps(3, interval=1)
    np.testing.assert_array_equal(model.z.numpy(), before)
    for name, x in observed.items():
        np.testing.assert_array_equal(model.observed[name].numpy(), x)
    kernel, bias = model.candidate().weights
    expected = before[:, 1:-1, 1:-1] @ kernel[0, 0] + bias
    np.testing.assert_allclose(model.picture(), expected, atol=1e-5)


def test_the_seed_decides_what_is_hidden():
    mask = np.random.default_rng(3).uniform(size=SIZE) < 0.6

    def fit(seed):
        model = make_model(mask, hiding=0.5, seed=seed, weight_average=0.5)
        model.take_steps(4, interval=2)
        return [keras.ops.convert_to_numpy(v) for v in model.state]

    first, again, other = fit(1), fit(1), fit(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def bayer(height, width):
    """The mask of a mosaic: each pixel knows one of three channels."""
    mask = np.zeros((height, width, 3), bool)
    mask[::2, ::2, 0] = mask[1::2, 1::2, 2] = True
    mask[::2, 1::2, 1] = mask[1::2, ::2, 1] = True
    return mask


def block(height, width):
    mask = np.ones((height, width), bool)
    mask[3:10, 2:9] = False
    return mask


MASKS = {
    "half": np.random.default_rng(0).uniform(size=(13, 11)) < 0.5,
    "block": block(13, 11),
    "bayer": bayer(13, 11),
    "strip": np.broadcast_to(np.arange(11) < 2, (13, 11)),
    "whole": np.ones((13, 11), bool),
}


def small(task, **changes):
    """Give a task a preset "small": "fast" with a network of one scale."""
    fast = task.declaration.presets["fast"]
    network = {
        **fast["network_options"],
        "down_channels": (4,),
        "up_channels": (4,),
        "skip_channels": (2,),
    }
    preset = {**fast, "network_options": network, "steps": 2, **changes}
    task.declaration = replace(task.declaration, presets={"small": preset})
    return task


@pytest.mark.parametrize(
    ("mask", "hides"),
    [("half", True), ("bayer", True), ("whole", True), ("block", False)],
)
def test_only_single_pixels_are_learnt_from_the_picture(scene, mask, hides):
    task = small(Inpaint(MASKS[mask]))
    settings = resolve(task, "small")
    fitted = suited(settings, task.prepare(scene(13, 11, 3)))
    if hides:
        assert fitted == settings
        assert (fitted.hiding, fitted.latent) == (0.2, "picture+noise")
    else:
        assert (fitted.hiding, fitted.latent) == (0, "noise")
        assert fitted.jitter > 0


@pytest.mark.parametrize(
    ("mask", "stop"),
    [("half", "heldout"), ("bayer", "plateau"), ("strip", "plateau")],
)
def test_masks_of_every_kind_are_fitted(scene, mask, stop):
    clean, known = scene(13, 11, 3), MASKS[mask].reshape(13, 11, -1)
    restoration = DeepImagePrior(small(Inpaint(MASKS[mask])), preset="small").fit(clean)
    assert restoration.settings["stop"] == stop
    assert restoration.steps == 2
    assert restoration.image.shape == clean.shape
    assert np.isfinite(restoration.image).all()
    assert np.ptp(restoration.image) > 0
    if mask == "strip":
        assert restoration.settings["latent"] == "noise"
        return
    # z shows all that is known, and what that is.
    size = restoration.z.shape[1:3]
    rows, columns = ((a - b) // 2 for a, b in zip(size, (13, 11), strict=True))
    inside = restoration.z[0, rows : rows + 13, columns : columns + 11]
    np.testing.assert_allclose(inside[..., :3], clean * known, atol=0.5 / 255 + 1e-6)
    count = 3 + known.shape[-1]
    np.testing.assert_allclose(inside[..., 3:count], known, atol=1e-6)
    assert inside.shape[-1] == count + 4
