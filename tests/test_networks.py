"""Fits with every network: what becomes of a preset's settings, and of z."""

import functools
from dataclasses import replace

import keras
import numpy as np
import onnxruntime
import pytest

from keras_dip import DeepImagePrior, Denoise, Inpaint, SuperResolve, models
from keras_dip.member import Member, Plan, seeds_of
from keras_dip.models.deep_decoder import build_deep_decoder
from keras_dip.models.skip import build_skip
from keras_dip.onnx_io.regenerate import info
from keras_dip.settings import resolve

ODD = (11, 14)
OTHERS = models.names()[2:]
SMALL = {
    "skip": {"down_channels": (4,), "up_channels": (4,), "skip_channels": (2,)},
    "hourglass": {"down_channels": (4,), "up_channels": (4,)},
    "unet": {"scale_channels": (4, 6)},
    "resnet": {"blocks": 1, "block_channels": 4},
    "deep_decoder": {"layer_channels": (6, 6), "doublings": 1},
    "conv_decoder": {"layer_channels": (6, 6), "doublings": 1},
    "pixels": {},
}


def prior_with(name, task=None, **arguments):
    """Return a prior of a small network, with all else as "fast" has it for it."""
    task = task or Denoise(sigma=0.1)
    settings = vars(resolve(task, "fast", network=name))
    preset = {**settings, "network_options": SMALL[name], "stop": "none", "steps": 2}
    task.declaration = replace(task.declaration, presets={"small": preset})
    return DeepImagePrior(task, preset="small", **arguments)


def regenerated(path, feed=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options).run(None, feed or {})[0]


@pytest.mark.parametrize("name", models.names())
def test_two_steps_and_a_file_that_gives_the_picture_back(scene, tmp_path, name):
    channels, members = (
        (1, 2) if name in ("resnet", "pixels", "deep_decoder") else (3, 1)
    )
    prior = prior_with(name, members=members)
    restoration = prior.fit(scene(*ODD, channels, noise=0.1))
    assert restoration.image.shape == (*ODD, channels)
    assert restoration.steps == 2 * members
    assert restoration.settings["network"] == name
    restoration.export(tmp_path / "a.onnx")
    np.testing.assert_allclose(
        regenerated(tmp_path / "a.onnx")[0], restoration.image, atol=1e-5
    )
    # z is in the file, and can be fed, even where nothing comes of it.
    assert info(tmp_path / "a.onnx")["z_shape"] == list(restoration.z.shape)
    turned = restoration.source.latent.codes[:, ::-1].copy()
    other = regenerated(tmp_path / "a.onnx", {"z": turned})
    changed = np.abs(other[0] - restoration.image).max() > 1e-4
    assert changed == (name != "pixels")


@pytest.mark.parametrize("name", OTHERS)
def test_a_network_of_another_family_takes_none_of_the_presets_options(name):
    preset = resolve(Denoise(), "fast")
    changed = resolve(Denoise(), "fast", network=name)
    assert preset.network_options and changed.network_options == {}
    assert (changed.steps, changed.stop) == (preset.steps, preset.stop)
    assert resolve(Denoise(), "fast", network=name, steps=7).steps == 7
    given = resolve(Denoise(), "fast", network=name, network_options={"a": 1})
    assert given.network_options == {"a": 1}


def test_skip_and_hourglass_share_their_options():
    preset = resolve(Denoise(), "fast")
    assert resolve(Denoise(), "fast", network="hourglass") == replace(
        preset, network="hourglass"
    )
    assert resolve(Denoise(), "fast", network="skip") == preset


def test_a_preset_may_be_of_another_network():
    task = Denoise()
    unet = {"network": "unet", "network_options": {"scale_channels": (4, 4)}}
    presets = {"own": {"steps": 3, "learning_rate": 0.5, **unet}}
    task.declaration = replace(task.declaration, presets=presets)
    settings = resolve(task, "own")
    assert settings.network_options == {"scale_channels": (4, 4)}
    assert (settings.network, settings.learning_rate) == ("unet", 0.5)
    assert resolve(task, "own", network="skip").network_options == {}


def test_the_learning_rate_is_the_published_one_unless_given():
    assert resolve(Denoise(), "paper", network="unet").learning_rate == 0.001
    given = resolve(Denoise(), "paper", network="resnet", learning_rate=0.1)
    assert given.learning_rate == 0.1


@pytest.mark.parametrize("name", ["deep_decoder", "conv_decoder", "pixels"])
@pytest.mark.parametrize("task", [Denoise(), Inpaint(np.ones(ODD, bool))], ids=repr)
def test_where_z_is_small_nothing_is_made_of_the_picture_in_it(name, task):
    settings = resolve(task, "fast", network=name)
    assert (settings.latent, settings.recorruption, settings.hiding) == ("noise", 0, 0)


@pytest.mark.parametrize(
    ("latent", "message"),
    [
        ("picture", r"without the picture.* z is smaller: 6 x 7 .*: 'picture'$"),
        ("picture+noise", r"without the picture.* Received: 'picture\+noise'$"),
        (np.zeros((*ODD, 3)), r"the network's size, \(6, 7\).* Received: \(11, 14\)"),
    ],
    ids=["picture", "picture and noise", "given"],
)
def test_a_picture_does_not_fit_into_a_small_z(scene, latent, message):
    prior = prior_with("deep_decoder", latent=latent)
    with pytest.raises(ValueError, match=message) as raised:
        prior.fit(scene(*ODD, 3))
    assert "\n" not in str(raised.value)


def test_a_z_of_the_networks_own_size(scene):
    own = np.random.default_rng(0).uniform(size=(6, 7, 5)).astype("float32")
    restoration = prior_with("deep_decoder", latent=own).fit(scene(*ODD, 3))
    np.testing.assert_allclose(restoration.z[0], own, atol=1e-4)


def test_super_resolution_with_a_small_z(scene):
    large = prior_with("deep_decoder", SuperResolve(2)).fit(scene(5, 7, 3))
    assert large.image.shape == (10, 14, 3)
    assert large.settings["crop"] == [0, 0]


def test_pixels_become_the_picture_where_nothing_else_is_asked(scene):
    img = scene(*ODD, 3)
    prior = prior_with("pixels", steps=300, learning_rate=0.02)
    np.testing.assert_allclose(prior.fit(img).image, img, atol=0.01)


def small_skip(image_size, **options):
    return build_skip(image_size, **options, **SMALL["skip"])


def test_a_builder_makes_the_network_at_the_pictures_size(scene):
    asked = []

    def build(image_size, *, input_channels, output_channels, seed, dtype):
        asked.append((image_size, input_channels, output_channels, seed, dtype))
        sizes = {"input_channels": input_channels, "output_channels": output_channels}
        return small_skip(image_size, seed=seed, dtype=dtype, **sizes)

    prior = prior_with("skip", network=build, members=2, dtype_policy="float32")
    restoration = prior.fit(scene(*ODD, 3, noise=0.1))
    # The preset's z: the picture and five channels of noise.
    assert [(*entry[:3], entry[4]) for entry in asked] == [(ODD, 8, 3, "float32")] * 2
    assert asked[0][3] != asked[1][3]
    assert restoration.settings["network"] == "build"
    assert restoration.settings["network_options"] == {}
    assert restoration.settings["dtype_policy"] == "float32"
    assert restoration.source.network.count_params() == 2 * (
        small_skip(ODD, input_channels=8).count_params()
    )


def test_a_builder_gets_what_a_network_by_name_gets(scene):
    build = functools.partial(build_skip, **SMALL["skip"])
    by_name, built = prior_with("skip"), prior_with("skip", network=build)
    problem = built.task.prepare(scene(*ODD, 3))
    first, second = (
        Member(
            Plan(prior.task, replace(prior.settings, dtype_policy="float32"), network),
            problem,
            seeds_of(3, 0),
        ).network
        for prior, network in ((by_name, None), (built, built.network))
    )
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_builder_whose_z_is_small(scene):
    def build(image_size, **common):
        return build_deep_decoder(image_size, **common, **SMALL["deep_decoder"])

    options = {"latent": "noise", "steps": 2, "stop": "none"}
    prior = DeepImagePrior(
        Denoise(), network=functools.partial(build), preset="paper", **options
    )
    restoration = prior.fit(scene(*ODD, 3))
    assert restoration.z.shape == (1, 6, 7, 32)
    assert restoration.settings["network"] == "build"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda size, **_: None, "returns a keras.Model. Received: .* NoneType"),
        (
            lambda size, **_: small_skip((8, 8)),
            r"output of shape \(11, 14, 3\).*8, 8, 3\)",
        ),
        (lambda size, **_: keras.Sequential(), "functional keras.Model with one input"),
    ],
    ids=["none", "size", "empty"],
)
def test_builders_of_something_else(scene, build, message):
    prior = DeepImagePrior(Denoise(), network=build, steps=1)
    with pytest.raises(ValueError, match=message):
        prior.fit(scene(*ODD, 3))


@pytest.mark.parametrize("network", ["vgg", 3, ["skip"]])
def test_what_is_no_network(network):
    with pytest.raises(ValueError, match=r"of skip, .*pixels, a keras.Model or a func"):
        DeepImagePrior(network=network)
