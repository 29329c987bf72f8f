"""A restoration from the outside: pictures in, pictures out, whatever ends it."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from keras_dip import DeepImagePrior, Denoise, Inpaint, Restoration, SuperResolve
from keras_dip.errors import ImageError
from keras_dip.metrics import psnr, ssim
from keras_dip.models import effective_options
from keras_dip.models.hardware import gpus
from keras_dip.noise import noise_sigma
from keras_dip.onnx_io.regenerate import regenerate

SMALL = {
    "network_options": {
        "down_channels": (4,),
        "up_channels": (4,),
        "skip_channels": (2,),
        "up_1x1": False,
        "merge_norm": False,
    },
    "latent_channels": 2,
    "steps": 3,
}
SIZE = (12, 10)


def with_preset(task, **settings):
    """Give a task a preset "small": a network of one scale and few steps."""
    preset = {**SMALL, **settings}
    task.declaration = replace(task.declaration, presets={"small": preset})
    return task


@pytest.fixture
def restore(tiny_network):
    """Restore a picture with a tiny network that suits it."""

    def run(img, task=None, *, shape=None, reference=None, **arguments):
        if shape is None:
            size = img.size[::-1] if isinstance(img, Image.Image) else np.shape(img)[:2]
            bands = np.shape(img)[2] if len(np.shape(img)) == 3 else 1
            shape = (*size, bands)
        task = with_preset(Denoise() if task is None else task)
        arguments = {"preset": "small", "network": tiny_network(*shape), **arguments}
        return DeepImagePrior(task, **arguments).fit(img, reference=reference)

    return run


def integers(*shape, dtype="uint8"):
    highest = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, highest, shape, dtype, endpoint=True)


@pytest.mark.parametrize(
    ("img", "kept_dtype"),
    [
        (integers(*SIZE), "uint8"),
        (integers(*SIZE, 1), "uint8"),
        (integers(*SIZE, 3), "uint8"),
        (integers(*SIZE, 5), "uint8"),
        (integers(*SIZE, dtype="uint16"), "uint16"),
        (integers(*SIZE, 3, dtype="uint16"), "uint16"),
        (integers(*SIZE) > 99, "uint8"),
        (integers(*SIZE, 2).astype("float16") / 255, "float32"),
        (integers(*SIZE, 3).astype("float32") / 255, "float32"),
        (integers(*SIZE) / 255, "float32"),
    ],
    ids=lambda value: f"{value.dtype} {value.shape}" if hasattr(value, "dtype") else "",
)
def test_arrays_of_every_kind(restore, img, kept_dtype):
    before = img.copy()
    restoration = restore(img)
    assert restoration.image.shape == img.shape
    assert restoration.image.dtype == "float32"
    assert restoration.image.min() >= 0
    assert restoration.image.max() <= 1
    assert restoration.source.picture_dtype == kept_dtype
    np.testing.assert_array_equal(img, before)


@pytest.mark.parametrize(
    ("mode", "channels"),
    [
        *[("L", None), ("1", None), ("LA", None), ("I;16", None)],
        *[("RGB", 3), ("RGBA", 3), ("P", 3), ("CMYK", 3)],
    ],
)
def test_pillow_images_of_every_mode(restore, mode, channels):
    if mode == "I;16":
        img = Image.fromarray(integers(*SIZE, dtype="uint16"))
    else:
        img = Image.fromarray(integers(*SIZE, 3)).convert(mode)
    assert img.mode == mode
    # Transparency is set aside, unless it is the mask.
    restoration = restore(img, shape=(*SIZE, channels or 1))
    assert restoration.image.shape == ((*SIZE, channels) if channels else SIZE)


def test_equal_pictures_give_equal_restorations_however_they_come(restore):
    levels = integers(*SIZE, 3)
    first = restore(levels).image
    for same in (levels / 255, levels.astype("uint16") * 257, Image.fromarray(levels)):
        restored = restore(same, shape=(*SIZE, 3)).image
        np.testing.assert_allclose(restored, first, atol=1e-4)


@pytest.mark.parametrize(
    ("img", "message"),
    [
        (np.full((8, 8), np.nan), "Expected finite values"),
        (np.full((8, 8), np.inf), "Expected finite values"),
        (np.full((8, 8), 255.0), r"values in \[0, 1\]. Received: min 255, max 255"),
        (np.full((8, 8), -0.1), r"values in \[0, 1\]. Received: min -0.1"),
        (np.zeros((8, 0, 3)), r"at least one pixel. Received: shape \(8, 0, 3\)"),
        (np.zeros(8), r"height, width.* Received: shape \(8,\)"),
        (np.zeros((1, 8, 8, 3)), r"Received: shape \(1, 8, 8, 3\)"),
        (np.zeros((8, 8), int), "Received: dtype int64"),
        ("photo.png", r"PIL.Image.open.* Received: the path 'photo.png'"),
        (None, "Received: an object of type NoneType"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(np.shape(value)),
)
def test_what_is_no_picture(img, message):
    prior = DeepImagePrior()
    with pytest.raises(ImageError, match=message):
        prior.fit(img)
    assert prior.restoration is None


@pytest.mark.parametrize("network", ["skip", "hourglass"])
@pytest.mark.parametrize("size", [(8, 8), (9, 15), (32, 31)])
def test_any_size_with_the_networks_by_name(scene, network, size):
    prior = DeepImagePrior(with_preset(Denoise()), preset="small", network=network)
    restoration = prior.fit(scene(*size, 3))
    assert restoration.image.shape == (*size, 3)
    height, width = restoration.z.shape[1:3]
    assert height % 2 == width % 2 == 0
    assert restoration.settings["network"] == network


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_super_resolution_enlarges(restore, scene, factor, channels):
    large = (7 * factor, 9 * factor)
    img, shape = scene(7, 9, channels), (*large, channels or 1)
    restored = restore(img, SuperResolve(factor=factor), shape=shape).image
    assert restored.shape == (large if channels is None else shape)


def test_inpainting_by_mask_sees_only_what_is_known(restore, scene):
    mask = np.ones(SIZE, bool)
    mask[4:8, 3:7] = False
    img, other = scene(*SIZE, 3), scene(*SIZE, 3)
    other[~mask] = 1
    first, second = restore(img, Inpaint(mask)), restore(other, Inpaint(mask))
    np.testing.assert_array_equal(first.image, second.image)
    assert np.abs(first.image[mask] - img[mask]).max() > 1e-3


def test_known_pixels_stay_exactly_when_asked(restore, scene):
    mask = np.ones(SIZE, bool)
    mask[4:8, 3:7] = False
    img = scene(*SIZE, 3)
    image = restore(img, Inpaint(mask, keep_known=True)).image
    np.testing.assert_array_equal(image[mask], img[mask])
    assert np.abs(image[~mask] - img[~mask]).max() > 1e-3


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("as_array", [False, True])
def test_inpainting_by_alpha(restore, mode, as_array):
    levels = integers(*SIZE, len(mode))
    levels[..., -1] = 255
    levels[4:8, 3:7, -1] = 0
    img = levels if as_array else Image.fromarray(levels)
    task = Inpaint(keep_known=True)
    shape = (*SIZE, len(mode) - 1)
    image = restore(img, task, shape=shape).image
    known = levels[..., -1] == 255
    if mode == "LA" and not as_array:
        assert image.shape == SIZE
        image = image[..., np.newaxis]
    assert image.shape == shape
    np.testing.assert_allclose(image[known], levels[known, :-1] / 255, atol=1e-6)


def test_a_mask_leaves_the_alpha_of_an_image_aside(restore):
    img = Image.fromarray(integers(*SIZE, 4))
    task = Inpaint(np.ones(SIZE, bool), keep_known=True)
    image = restore(img, task, shape=(*SIZE, 3)).image
    np.testing.assert_allclose(image, np.asarray(img)[..., :3] / 255, atol=1e-6)


def test_inpainting_by_name_uses_alpha_or_says_what_to_pass(tiny_network, scene):
    prior = DeepImagePrior(
        "inpaint", preset="paper-random", network=tiny_network(*SIZE), steps=2
    )
    rgba = scene(*SIZE, 4)
    rgba[..., -1] = 1
    assert prior.fit(rgba).image.shape == (*SIZE, 3)
    with pytest.raises(ValueError, match=r"Inpaint\(mask\)"):
        prior.fit(scene(*SIZE, 3))


def test_tasks_by_name_and_by_object(tiny_network):
    assert isinstance(DeepImagePrior("denoise").task, Denoise)
    assert isinstance(DeepImagePrior().task, Denoise)
    assert isinstance(DeepImagePrior("inpaint").task, Inpaint)
    task = SuperResolve(factor=4)
    assert DeepImagePrior(task).task is task


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "super_resolve"}, r"SuperResolve\(factor=\.\.\.\).*'super_resolve'"),
        ({"task": "sharpen"}, "Expected the name of a task: .*denoise.* 'sharpen'"),
        (
            {"task": Denoise},
            "Expected a task or the name of one: .*denoise, .* Received: <cl",
        ),
        ({"task": None}, "Expected a task .* Received: None"),
        ({"preset": "slow"}, "Expected a preset of denoise: .* Received: 'slow'"),
        ({"task": "inpaint", "preset": "paper"}, "paper-text, paper-hole, paper-large"),
        ({"network": "vgg"}, "network of skip, hourglass, .* a keras.Model.*'vgg'"),
        ({"network": 3}, "network of skip, hourglass, .* a keras.Model.* Received: 3"),
        ({"steps": 0}, "Expected steps as an integer >= 1. Received: 0"),
        ({"steps": -5}, "Expected steps .* Received: -5"),
        ({"steps": 2.5}, "Expected steps .* Received: 2.5"),
        ({"steps": True}, "Expected steps .* Received: True"),
        ({"learning_rate": 0}, "Expected learning_rate as a number above 0.*: 0"),
        ({"learning_rate": -0.1}, "Expected learning_rate .* Received: -0.1"),
        ({"learning_rate": float("nan")}, "Expected learning_rate .* Received: nan"),
        ({"learning_rate": float("inf")}, "Expected learning_rate .* Received: inf"),
        ({"learning_rate": "0.1"}, "Expected learning_rate .* Received: '0.1'"),
        ({"seed": -1}, "Expected seed as an integer >= 0. Received: -1"),
        ({"seed": 1.5}, "Expected seed .* Received: 1.5"),
        ({"seed": True}, "Expected seed .* Received: True"),
        ({"time_limit": 0}, "Expected time_limit as a number above 0. Received: 0"),
        ({"time_limit": float("inf")}, "Expected time_limit .* Received: inf"),
        ({"blend": 1.5}, "Expected blend as a number from 0 to 1. Received: 1.5"),
        ({"blend": float("nan")}, "Expected blend .* Received: nan"),
        ({"blend": True}, "Expected blend .* Received: True"),
        ({"device": "tpu"}, "Expected device 'cpu' or 'gpu'. Received: 'tpu'"),
        ({"latent": "perlin"}, "Expected a latent of noise, .* Received: 'perlin'"),
        ({"dtype_policy": "mixed_int3"}, "mixed_int3"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_say_what_was_expected(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeepImagePrior(**arguments)


def test_numpy_numbers_are_numbers():
    prior = DeepImagePrior(
        steps=np.int64(7),
        seed=np.int64(3),
        learning_rate=np.float32(0.25),
        blend=np.float32(0.5),
        members=np.int32(2),
    )
    settings = prior.settings
    assert (settings.steps, prior.seed, settings.members) == (7, 3, 2)
    assert (settings.learning_rate, prior.blend) == (0.25, 0.5)
    assert {type(prior.seed), type(settings.steps), type(settings.members)} == {int}
    assert type(settings.learning_rate) is type(prior.blend) is float
    rate = DeepImagePrior(learning_rate=np.float32(0.01)).settings.learning_rate
    assert rate == pytest.approx(0.01)


def test_a_gpu_that_is_not_there(scene):
    if gpus():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="device='gpu' only where Keras' backend f"):
        DeepImagePrior(device="gpu").fit(scene(8, 8))


def test_the_cpu_can_be_chosen(restore, scene):
    restoration = restore(scene(*SIZE, 3), device="cpu")
    assert restoration.settings["device"] == "cpu"


def test_the_result_tells_how_it_came_about(restore, scene):
    restoration = restore(scene(*SIZE, 3, noise=0.1), steps=120, seed=5)
    assert isinstance(restoration, Restoration)
    assert restoration.stopped_by == "steps"
    assert restoration.stop_reason == "All 120 steps were taken."
    assert (restoration.steps, restoration.best_step) == (120, 120)
    assert restoration.seconds > 0
    assert restoration.uncertainty is None
    assert restoration.z.shape == (1, *SIZE, 2)
    assert restoration.z.dtype == "float32"
    assert set(restoration.history) == {"step", "loss", "seconds"}
    assert {curve.shape for curve in restoration.history.values()} == {(5,)}
    assert restoration.history["step"].tolist() == [25, 50, 75, 100, 120]
    assert restoration.history["step"].dtype.kind == "i"
    assert (np.diff(restoration.history["loss"]) < 0).all()
    assert (np.diff(restoration.history["seconds"]) > 0).all()
    assert restoration.seconds > restoration.history["seconds"][-1]
    settings = json.loads(json.dumps(restoration.settings))
    assert settings == restoration.settings
    expected = {
        "task": "denoise",
        "task_options": {"sigma": None, "noise": "gaussian"},
        "preset": "small",
        "seed": 5,
        "steps": 120,
        "learning_rate": 0.01,
        "network": "tiny",
        "latent": "noise",
        "shape": [*SIZE, 3],
        "dtype_policy": "float32",
    }
    assert {key: settings[key] for key in expected} == expected
    assert settings["versions"]["keras"] == keras.__version__


def test_the_picture_is_what_the_network_gives_from_z(restore, scene):
    restoration = restore(scene(*SIZE, 3, noise=0.1), steps=60)
    again = restoration.source.network(restoration.z, training=False)
    np.testing.assert_array_equal(again[0], restoration.image)


def test_the_fit_comes_near_the_picture(scene):
    img = scene(*SIZE, 3)
    channels = {"down_channels": (16,), "up_channels": (16,), "skip_channels": (4,)}
    task = with_preset(
        Denoise(), network_options=channels, latent_channels=8, average=0.9, steps=300
    )
    restoration = DeepImagePrior(task, preset="small").fit(img)
    # A flat picture is 14 dB away, the untrained network no nearer.
    assert psnr(restoration.image, img) > 24


@pytest.mark.parametrize("channels", [None, 3])
def test_reference_curves(restore, scene, channels):
    img, clean = scene(*SIZE, channels, noise=0.1), scene(*SIZE, channels)
    pictures = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            picture = self.model.averaged_output[0].clip(0, 1)
            reference = clean if channels else clean[..., np.newaxis]
            pictures.append((psnr(picture, reference), ssim(picture, reference)))
            # Callbacks of the user see what was measured.
            assert logs["psnr"] == pictures[-1][0]

    restoration = restore(img, reference=clean, steps=110, callbacks=[Watch()])
    assert set(restoration.history) == {"step", "loss", "seconds", "psnr", "ssim"}
    found = np.stack([restoration.history["psnr"], restoration.history["ssim"]], 1)
    np.testing.assert_allclose(found, pictures)
    assert len(found) == 5
    assert found[-1, 0] > found[0, 0]
    # It is for the curves alone.
    without = restore(img, steps=110)
    np.testing.assert_array_equal(without.image, restoration.image)


def test_a_reference_may_be_another_kind_of_picture(restore, scene):
    clean = scene(*SIZE, 3)
    levels = np.rint(clean * 255).astype("uint8")
    curves = [
        restore(clean, reference=reference).history["psnr"][0]
        for reference in (clean, Image.fromarray(levels))
    ]
    assert curves[0] == pytest.approx(curves[1], abs=0.1)


def test_a_reference_of_another_shape(restore, scene):
    message = r"reference of .* shape, \(12, 10, 3\)\. Received: \(12, 9, 3\)"
    with pytest.raises(ValueError, match=message):
        restore(scene(*SIZE, 3), reference=scene(12, 9, 3))


def test_the_reference_of_super_resolution_is_large(scene):
    prior = DeepImagePrior(with_preset(SuperResolve(2)), preset="small")
    restoration = prior.fit(scene(8, 7), reference=scene(16, 14))
    assert restoration.history["psnr"].shape == (1,)
    with pytest.raises(ValueError, match=r"\(16, 14, 1\)\. Received: \(8, 7, 1\)"):
        prior.fit(scene(8, 7), reference=scene(8, 7))


def test_the_seed_decides_every_bit(scene):
    def fit(seed):
        task = with_preset(Denoise(), jitter=0.03)
        return DeepImagePrior(task, preset="small", seed=seed).fit(scene(*SIZE, 3))

    first, again, other = fit(1), fit(1), fit(2)
    np.testing.assert_array_equal(first.z, again.z)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.history["loss"], again.history["loss"])
    assert not np.array_equal(first.z, other.z)
    assert np.abs(first.image - other.image).max() > 1e-3


def test_fit_may_be_called_again(scene):
    prior = DeepImagePrior(with_preset(Denoise(), jitter=0.03), preset="small")
    first = prior.fit(scene(*SIZE, 3))
    assert prior.restoration is first
    other = prior.fit(scene(9, 14))
    assert prior.restoration is other
    assert other.image.shape == (9, 14)
    np.testing.assert_array_equal(prior.fit(scene(*SIZE, 3)).image, first.image)


def test_a_model_of_the_user_is_copied_and_its_weights_are_the_start(
    tiny_network, scene
):
    network = tiny_network(*SIZE)
    before = network.get_weights()
    prior = DeepImagePrior(network=network, preset="paper", steps=1)
    first = prior.fit(scene(*SIZE, 3)).image
    pairs = zip(network.get_weights(), before, strict=True)
    assert all(np.array_equal(now, then) for now, then in pairs)
    np.testing.assert_array_equal(prior.fit(scene(*SIZE, 3)).image, first)
    other = DeepImagePrior(network=tiny_network(*SIZE, seed=9), preset="paper", steps=1)
    assert np.abs(other.fit(scene(*SIZE, 3)).image - first).max() > 1e-3


def test_a_model_decides_the_size_and_channels_of_z(scene):
    z = keras.Input((24, 20, 7))
    small = keras.layers.AveragePooling2D(2)(z)
    network = keras.Model(z, keras.layers.Conv2D(3, 1, activation="sigmoid")(small))
    prior = DeepImagePrior(network=network, preset="paper", steps=2)
    assert prior.fit(scene(*SIZE, 3)).z.shape == (1, 24, 20, 7)


@pytest.mark.parametrize("shape", [(12, 10, 1), (12, 11, 3), (24, 20, 3)])
def test_a_model_of_another_shape(tiny_network, scene, shape):
    prior = DeepImagePrior(network=tiny_network(*shape))
    with pytest.raises(ValueError, match=r"an output of shape \(12, 10, 3\)"):
        prior.fit(scene(*SIZE, 3))


@pytest.mark.parametrize(
    ("latent", "channels"),
    [
        *[("noise", 4), ("normal", 4), ("meshgrid", 2), ("fourier", 4)],
        *[("picture", 3), ("picture+noise", 7)],
    ],
)
def test_kinds_of_z(scene, latent, channels):
    task = with_preset(Denoise(), latent_channels=4)
    img = scene(*SIZE, 3)
    restoration = DeepImagePrior(task, preset="small", latent=latent).fit(img)
    assert restoration.z.shape == (1, *SIZE, channels)
    assert restoration.settings["latent"] == latent
    shows_it = np.abs(restoration.z[0, ..., :2] - img[..., :2]).max() < 0.01
    assert shows_it == restoration.source.latent.contains_picture
    assert shows_it == latent.startswith("picture")


def test_a_picture_as_z(scene):
    own = integers(*SIZE, 2)
    prior = DeepImagePrior(with_preset(Denoise()), preset="small", latent=own)
    restoration = prior.fit((scene(*SIZE, 3) * 255).astype("uint8"))
    np.testing.assert_allclose(restoration.z[0], own / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "as_noisy", "codes"),
    [
        ("uint8", "float32", "uint8"),
        ("uint16", "uint8", "uint16"),
        ("float32", "uint8", "uint16"),
    ],
)
def test_a_picture_as_z_has_the_grid_of_its_own_dtype(
    tiny_network, scene, dtype, as_noisy, codes
):
    own, img = scene(*SIZE, 2), scene(*SIZE, 3)
    own, img = (
        x if t == "float32" else np.rint(x * np.iinfo(t).max).astype(t)
        for x, t in ((own, dtype), (img, as_noisy))
    )
    prior = DeepImagePrior(
        network=tiny_network(*SIZE), preset="paper", steps=1, latent=own
    )
    restoration = prior.fit(img)
    latent = restoration.source.latent
    assert latent.codes.dtype == codes
    assert (latent.kind, latent.contains_picture) == ("given", False)
    assert restoration.settings["latent"] == "given"
    assert restoration.source.picture_dtype == as_noisy


def test_a_picture_as_z_may_have_the_size_of_either(scene):
    task = with_preset(Denoise())
    img = scene(13, 11, 3)
    for size in ((13, 11), (14, 12)):
        prior = DeepImagePrior(task, preset="small", steps=1, latent=scene(*size, 2))
        assert prior.fit(img).z.shape == (1, 14, 12, 2)
    prior = DeepImagePrior(task, preset="small", latent=scene(14, 11, 2))
    message = r"size, \(13, 11\), or the network's size, \(14, 12\) .*: \(14, 11\)"
    with pytest.raises(ValueError, match=message):
        prior.fit(img)


def test_z_must_suit_the_model(tiny_network, scene):
    network = tiny_network(*SIZE, inputs=2)
    prior = DeepImagePrior(network=network, preset="paper", latent="picture")
    with pytest.raises(
        ValueError, match=r"picture of 3 channels.* input of 2 channels"
    ):
        prior.fit(scene(*SIZE, 3))


def test_mixed_precision_ends_in_a_float32_network(scene):
    task = with_preset(Denoise(), average=0.9)
    prior = DeepImagePrior(task, preset="small", dtype_policy="mixed_bfloat16")
    restoration = prior.fit(scene(*SIZE, 3))
    network = restoration.source.network
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    assert restoration.image.dtype == "float32"
    assert restoration.settings["dtype_policy"] == "mixed_bfloat16"


class RaiseAt(keras.callbacks.Callback):
    """Raises at a report."""

    def __init__(self, error, report=1):
        super().__init__()
        self.error, self.report = error, report

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.report:
            raise self.error


@pytest.fixture
def prior_with(tiny_network):
    def make(callback):
        network = tiny_network(*SIZE)
        return DeepImagePrior(
            network=network, preset="paper", steps=1000, callbacks=[callback]
        )

    return make


def test_an_interrupt_gives_the_picture_so_far(prior_with, scene):
    prior = prior_with(RaiseAt(KeyboardInterrupt()))
    restoration = prior.fit(scene(*SIZE, 3))
    assert restoration is prior.restoration
    assert restoration.stopped_by == "interrupt"
    assert restoration.stop_reason == "The fit was interrupted at step 50 of 1000."
    assert (restoration.steps, restoration.best_step) == (50, 50)
    assert np.isfinite(restoration.image).all()
    again = restoration.source.network(restoration.z, training=False)
    np.testing.assert_array_equal(again[0], restoration.image)


def test_an_error_of_a_callback_is_raised_and_the_picture_kept(prior_with, scene):
    prior = prior_with(RaiseAt(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        prior.fit(scene(*SIZE, 3))
    assert prior.restoration is not None
    assert prior.restoration.stopped_by == "error"
    assert prior.restoration.stop_reason == "The fit met an error at step 50 of 1000."
    assert prior.restoration.steps == 50
    assert np.isfinite(prior.restoration.image).all()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_before_the_first_step_there_is_no_picture(prior_with, scene, error):
    class RaiseAtOnce(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise error

    prior = prior_with(RaiseAtOnce())
    with pytest.raises(error):
        prior.fit(scene(*SIZE, 3))
    assert prior.restoration is None


def test_a_failed_fit_does_not_leave_the_picture_of_the_one_before(prior_with, scene):
    prior = prior_with(RaiseAt(KeyboardInterrupt()))
    prior.fit(scene(*SIZE, 3))
    with pytest.raises(ImageError):
        prior.fit(np.zeros(3))
    assert prior.restoration is None


def test_a_callback_may_stop_the_fit(prior_with, scene):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    restoration = prior_with(Stop()).fit(scene(*SIZE, 3))
    assert restoration.stopped_by == "callback"
    assert restoration.stop_reason == "A callback stopped the fit after 50 steps."
    assert restoration.steps == 50


def test_the_steps_of_a_fit_that_early_stopping_took_back(tiny_network, scene):
    stop = keras.callbacks.EarlyStopping(
        monitor="loss", min_delta=10.0, patience=2, restore_best_weights=True
    )
    prior = DeepImagePrior(
        network=tiny_network(*SIZE), preset="paper", steps=1000, callbacks=[stop]
    )
    restoration = prior.fit(scene(*SIZE, 3))
    assert restoration.stopped_by == "callback"
    assert restoration.history["step"].tolist() == [25, 50, 75]
    assert (restoration.steps, restoration.best_step) == (75, 25)


@pytest.mark.parametrize("blend", [0.25, 1.0])
def test_a_blend_is_a_share_of_the_input_in_picture_and_file(
    restore, scene, tmp_path, blend
):
    img = scene(*SIZE, 3, noise=0.1)
    plain, blended = restore(img), restore(img, blend=blend)
    expected = (1 - blend) * plain.image + blend * img
    np.testing.assert_allclose(blended.image, expected, atol=1e-6)
    assert blended.settings["blend"] == blend
    blended.export(tmp_path / "blended.onnx")
    image = regenerate(tmp_path / "blended.onnx")
    np.testing.assert_allclose(image, expected, atol=1e-5)


def test_a_blend_of_super_resolution_is_with_the_bicubic_enlargement(restore, scene):
    task, img = SuperResolve(factor=2), scene(7, 9, 3)
    image = restore(img, task, shape=(14, 18, 3), blend=1.0).image
    bicubic = task.initial_picture({"picture": img[np.newaxis]})[0]
    np.testing.assert_allclose(image, bicubic, atol=1e-6)


def test_the_settings_that_took_effect_are_recorded(scene):
    task = with_preset(Denoise(), latent="picture+noise", stop="auto", steps=1)
    prior = DeepImagePrior(task, preset="small", blend=0.1)
    img = scene(37, 50, 3, noise=0.1)
    settings = prior.fit(img).settings
    options = settings["network_options"]
    assert options["down_channels"] == [4]
    # What was not set has the network's own default.
    assert options["upsampling"] == "bilinear"
    assert options == json.loads(
        json.dumps(effective_options("skip", prior.settings.network_options))
    )
    assert settings["noise_sigma"] == pytest.approx(noise_sigma(img))
    assert settings["noise_sigma"] == pytest.approx(0.1, rel=0.2)
    assert settings["latent_shape"] == [1, 38, 50, 5]
    assert settings["crop"] == [0, 0]
    assert settings["stop"] == "fission"


def test_the_crop_is_where_the_picture_lies_in_what_the_network_runs_on(scene):
    z = keras.Input((16, 12, 3))
    large = keras.layers.Conv2D(3, 1, activation="sigmoid")(z)
    network = keras.Model(z, keras.layers.Cropping2D(((1, 2), (0, 1)))(large))
    prior = DeepImagePrior(
        Denoise(sigma=0.1), preset="paper", network=network, steps=1, latent="picture"
    )
    img = scene(13, 11, 3)
    restoration = prior.fit(img)
    settings, z = restoration.settings, restoration.z[0]
    assert settings["latent_shape"] == [1, 16, 12, 3]
    assert settings["crop"] == [1, 0]
    rows, columns = settings["crop"]
    shown = z[rows : rows + 13, columns : columns + 11]
    np.testing.assert_allclose(shown, img, atol=1e-4)
    assert settings["noise_sigma"] == 0.1


def test_verbose_prints_a_line_per_report_on_stderr(restore, scene, capsys):
    restore(scene(*SIZE, 3), steps=60, verbose=1, reference=scene(*SIZE, 3))
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "step 25/60",
        "step 50/60",
        "step 60/60",
    ]
    assert all("loss 0." in line and " dB" in line for line in lines)


def test_nothing_is_printed_unless_asked_for(restore, scene, capfd):
    restore(scene(*SIZE, 3))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.parametrize(
    ("shape", "task"),
    [((1, 1), Denoise(0.1)), ((1, 7, 3), SuperResolve(2)), ((3, 2), Denoise())],
)
def test_pictures_of_a_few_pixels(scene, small_skip, shape, task):
    prior = DeepImagePrior(task, network=small_skip, steps=2)
    image = prior.fit(scene(*shape)).image
    factor = 2 if isinstance(task, SuperResolve) else 1
    assert image.shape == (shape[0] * factor, shape[1] * factor, *shape[2:])
    assert np.isfinite(image).all()
