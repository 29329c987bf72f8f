"""The exported file: onnxruntime gives the restored picture from it, or no file."""

from dataclasses import replace

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from keras_dip import DeepImagePrior, Denoise, Inpaint, SuperResolve
from keras_dip.errors import ExportError, ImageError
from keras_dip.images.convert import quantise
from keras_dip.latents import make_latent
from keras_dip.metrics import psnr
from keras_dip.models.fused import write_statistics
from keras_dip.models.skip import build_skip
from keras_dip.onnx_io.export import Graph, export
from keras_dip.onnx_io.metadata import FIELDS, PREFIX
from keras_dip.onnx_io.regenerate import info, regenerate

SMALL = {
    "network_options": {
        "down_channels": (6, 8),
        "up_channels": (6, 8),
        "skip_channels": (2, 2),
    },
    "latent_channels": 4,
    "steps": 30,
    "average": 0.9,
}
ODD = (13, 11)


def prior(task, network=None, dtype_policy="float32", **changes):
    preset = {**SMALL, **changes}
    task.declaration = replace(task.declaration, presets={"small": preset})
    return DeepImagePrior(
        task, preset="small", network=network, dtype_policy=dtype_policy
    )


@pytest.fixture
def restore(tiny_network):
    """Take two steps with a tiny network."""

    def run(task, img, shape=(*ODD, 3), *, inputs=2, **changes):
        network = tiny_network(*shape, inputs=inputs)
        return prior(task, network, **{"steps": 2, "average": 0.0, **changes}).fit(img)

    return run


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options)


def run(path, **feeds):
    (image,) = open_session(path).run(None, feeds)
    return image


def initializers(path):
    graph = onnx.load(path).graph
    return {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer
    }


@pytest.fixture(scope="module")
def restoration(scene):
    """A restoration of odd size, so that the network crops."""
    return prior(Denoise()).fit((scene(*ODD, 3, noise=0.1) * 255).astype("uint8"))


@pytest.fixture(scope="module")
def path(restoration, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "restored.onnx"
    restoration.export(path)
    return path


def test_bare_onnxruntime_gives_the_picture(restoration, path):
    image = run(path)
    assert image.shape == (1, *ODD, 3)
    assert image.dtype == "float32"
    np.testing.assert_allclose(image[0], restoration.image, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(
        quantise(image[0], "uint8"), quantise(restoration.image, "uint8")
    )
    assert np.ptp(image) > 0.1


def test_the_file_is_valid_and_names_its_ends(path):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = open_session(path)
    assert session.get_inputs() == []
    (output,) = session.get_outputs()
    assert (output.name, output.shape, output.type) == (
        "image",
        [1, *ODD, 3],
        "tensor(float)",
    )


def test_z_is_an_optional_input_on_its_grid(restoration, path):
    (z,) = open_session(path).get_overridable_initializers()
    assert (z.name, z.shape, z.type) == ("z", [1, 16, 12, 4], "tensor(uint8)")
    latent = restoration.source.latent
    np.testing.assert_array_equal(initializers(path)["z"], latent.codes)
    np.testing.assert_array_equal(run(path, z=latent.codes), run(path))


def test_another_z_gives_what_keras_gives_for_it(restoration, path):
    codes = restoration.source.latent.codes[:, ::-1]
    values = replace(restoration.source.latent, codes=codes).values
    expected = restoration.source.network(values, training=False)
    np.testing.assert_allclose(run(path, z=codes), expected, rtol=0, atol=1e-5)
    assert np.abs(run(path, z=codes) - run(path)).max() > 0.01


def test_weights_are_stored_once_in_float32(restoration, path):
    stored = sum(x.size for x in initializers(path).values() if x.dtype == "float32")
    weights = restoration.source.network.count_params()
    # Normalisations that follow a convolution are folded into it.
    assert 0.8 * weights < stored < 1.2 * weights


def test_metadata(restoration, path):
    texts = open_session(path).get_modelmeta().custom_metadata_map
    assert {key.removeprefix(PREFIX) for key in texts} >= FIELDS - {"source_mode"}
    assert all(key.startswith(PREFIX) for key in texts)
    found = info(path)
    expected = {
        "format_version": "1",
        "task": "denoise",
        "shape": [*ODD, 3],
        "seed": 0,
        "steps": 30,
        "best_step": restoration.best_step,
        "source_dtype": "uint8",
        "half": False,
        "weights": restoration.source.network.count_params(),
        "latent": {"kind": "noise", "contains_picture": False},
        "settings": restoration.settings,
        "versions": restoration.settings["versions"],
        "z_shape": [1, 16, 12, 4],
        "z_dtype": "uint8",
        "image_shape": [1, *ODD, 3],
        "file_size": path.stat().st_size,
    }
    assert {key: found[key] for key in expected} == expected


def test_regenerate_reads_it(restoration, path):
    np.testing.assert_array_equal(regenerate(path), run(path)[0])


@pytest.mark.parametrize(
    ("shape", "dtype"), [(ODD, "uint16"), ((*ODD, 1), "uint8"), (ODD, "float32")]
)
def test_rank_and_depth_are_remembered(restore, scene, tmp_path, shape, dtype):
    img = scene(*ODD, *shape[2:])
    if dtype != "float32":
        img = quantise(img, dtype)
    restoration = restore(Denoise(), img, (*ODD, 1))
    restoration.export(tmp_path / "a.onnx")
    picture = regenerate(tmp_path / "a.onnx")
    assert picture.shape == restoration.image.shape == shape
    np.testing.assert_allclose(picture, restoration.image, rtol=0, atol=1e-5)
    assert run(tmp_path / "a.onnx").shape == (1, *ODD, 1)
    found = info(tmp_path / "a.onnx")
    assert found["shape"] == list(shape)
    assert found["source_dtype"] == dtype


@pytest.mark.parametrize(
    ("latent", "inputs", "levels", "stored"),
    [
        ("meshgrid", 2, "uint8", "uint16"),
        ("fourier", 4, "uint8", "uint16"),
        ("normal", 3, "uint8", "uint8"),
        ("picture", 3, "uint8", "uint8"),
        ("picture", 3, "uint16", "uint16"),
        ("picture+noise", 5, "uint8", "uint8"),
        ("picture+noise", 5, "uint16", "uint16"),
    ],
)
def test_every_kind_of_z(restore, scene, tmp_path, latent, inputs, levels, stored):
    img = quantise(scene(*ODD, 3), levels)
    restoration = restore(Denoise(), img, inputs=inputs, latent=latent)
    restoration.export(tmp_path / "a.onnx")
    np.testing.assert_allclose(
        regenerate(tmp_path / "a.onnx"), restoration.image, rtol=0, atol=1e-5
    )
    found = info(tmp_path / "a.onnx")
    assert found["z_dtype"] == stored
    contains_picture = latent.startswith("picture")
    assert found["latent"] == {"kind": latent, "contains_picture": contains_picture}


def test_half_stores_half_and_stays_near(restoration, path, tmp_path):
    half = tmp_path / "half.onnx"
    restoration.export(half, half=True)
    onnx.checker.check_model(onnx.load(half), full_check=True)
    image = run(half)[0]
    assert 0 < np.abs(image - restoration.image).max() <= 2 / 255
    assert psnr(image, restoration.image) >= 55
    assert info(half)["half"] is True
    kinds = {x.dtype.name: 0 for x in initializers(half).values()}
    for values in initializers(half).values():
        kinds[values.dtype.name] += values.size
    assert kinds["float16"] > 3 * kinds["float32"]
    assert half.stat().st_size < path.stat().st_size


def test_pasting_is_a_part_of_the_graph(restore, scene, tmp_path):
    img, mask = scene(*ODD, 3), np.ones(ODD, bool)
    mask[3:9, 4:8] = False
    restoration = restore(Inpaint(mask, keep_known=True), img)
    restoration.export(tmp_path / "a.onnx")
    codes = restoration.source.latent.codes
    first, other = run(tmp_path / "a.onnx"), run(tmp_path / "a.onnx", z=codes[:, ::-1])
    for image in (first, other):
        np.testing.assert_allclose(image[0][mask], img[mask], rtol=0, atol=1e-6)
    np.testing.assert_allclose(first[0], restoration.image, rtol=0, atol=1e-5)
    assert np.abs(first[0][~mask] - other[0][~mask]).max() > 1e-3


def test_clipping_is_a_part_of_the_graph(scene, tmp_path):
    options = {**SMALL["network_options"], "sigmoid": False}
    fitted = prior(Denoise(), steps=1, average=0.0, network_options=options)
    restoration = fitted.fit(scene(*ODD, 3))
    raw = restoration.source.network(restoration.z, training=False)
    assert np.min(raw) < 0
    restoration.export(tmp_path / "a.onnx")
    image = run(tmp_path / "a.onnx")
    assert image.min() == 0
    np.testing.assert_allclose(image, np.clip(raw, 0, 1), rtol=0, atol=1e-5)


def test_super_resolution(restore, scene, tmp_path):
    restoration = restore(SuperResolve(3), scene(5, 7), (15, 21, 1))
    restoration.export(tmp_path / "a.onnx")
    picture = regenerate(tmp_path / "a.onnx")
    assert picture.shape == (15, 21)
    np.testing.assert_allclose(picture, restoration.image, rtol=0, atol=1e-5)


def test_a_fit_in_mixed_precision(scene, tmp_path):
    fitted = prior(Denoise(), dtype_policy="mixed_bfloat16", steps=2, average=0.0)
    restoration = fitted.fit(scene(*ODD, 3))
    restoration.export(tmp_path / "a.onnx")
    np.testing.assert_allclose(
        regenerate(tmp_path / "a.onnx"), restoration.image, rtol=0, atol=1e-5
    )


def unchanged(x):  # another process can import it, which a lambda is not
    return x


def ready(network):
    """Return what `export` takes for a network: it with z, and their picture."""
    size = network.input_shape[1:3]
    latent = make_latent("noise", size, network.input_shape[-1], seed=1)
    write_statistics(network, latent.values)
    image = network(latent.values, training=False)
    return [Graph(network, latent, unchanged)], np.clip(image, 0, 1)


@pytest.mark.parametrize(
    "option",
    [
        {"downsampling": "avg", "activation": "swish"},
        {"downsampling": "max", "activation": "elu"},
        {"downsampling": "lanczos2", "activation": "none"},
        {"downsampling": "lanczos3", "padding": "zero"},
        {"upsampling": "nearest", "up_1x1": False, "use_bias": False},
        {"down_kernel_size": 5, "skip_channels": (0, 0)},
    ],
    ids=str,
)
def test_networks_of_every_option(tmp_path, option):
    options = {**SMALL["network_options"], **option}
    graphs, image = ready(build_skip(ODD, input_channels=4, **options))
    export(tmp_path / "a.onnx", graphs, image, {"note": "from a test"})
    np.testing.assert_allclose(run(tmp_path / "a.onnx"), image, rtol=0, atol=1e-5)
    entries = onnx.load(tmp_path / "a.onnx").metadata_props
    assert [(entry.key, entry.value) for entry in entries] == [("note", "from a test")]


def test_a_network_that_gives_another_picture_leaves_no_file(restore, scene, tmp_path):
    restoration = restore(Denoise(), scene(*ODD, 3))
    kernel = restoration.source.network.get_layer("output").kernel
    kernel.assign(kernel * 1.5)
    message = r"picture within 0.001\. Received: a largest difference"
    with pytest.raises(ExportError, match=message):
        restoration.export(tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ExportError, match=r"within 0.007843\. Received: .* dB"):
        restoration.export(tmp_path / "a.onnx", half=True)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_old_file(restore, scene, tmp_path):
    restoration = restore(Denoise(), scene(*ODD, 3))
    kernel = restoration.source.network.get_layer("output").kernel
    kernel.assign(kernel * 1.5)
    (tmp_path / "a.onnx").write_bytes(b"old")
    with pytest.raises(ExportError):
        restoration.export(tmp_path / "a.onnx", force=True)
    assert (tmp_path / "a.onnx").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@keras.saving.register_keras_serializable(package="keras_dip_tests")
class Digamma(keras.layers.Layer):
    """Something that ONNX has no operator for."""

    def call(self, x):
        import tensorflow as tf

        return tf.math.digamma(x + 1)


@pytest.mark.tensorflow
def test_a_network_that_onnx_cannot_express(tmp_path):
    z = keras.Input((8, 8, 2))
    network = keras.Model(z, keras.layers.Conv2D(3, 1)(Digamma()(z)))
    with pytest.raises(ExportError, match=r"cannot be written as ONNX|cannot be run"):
        export(tmp_path / "a.onnx", *ready(network), {})
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused_unless_forced(restoration, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"old")
    with pytest.raises(ImageError, match="exist"):
        restoration.export(tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"old"
    restoration.export(tmp_path / "a.onnx", force=True)
    assert regenerate(tmp_path / "a.onnx").shape == (*ODD, 3)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "message"), [("a.png", "onnx"), ("no/such/folder/a.onnx", "folder")]
)
def test_places_that_cannot_be_written(restoration, tmp_path, name, message):
    with pytest.raises(ImageError, match=message):
        restoration.export(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("noise", ["poisson", "speckle"])
def test_noise_that_follows_the_picture(restore, scene, tmp_path, noise):
    restoration = restore(Denoise(0.2, noise=noise), scene(*ODD, 3), (*ODD, 3))
    raw = np.asarray(restoration.source.network(restoration.z, training=False))[0]
    assert np.abs(raw - restoration.image).max() > 0.05  # another scale
    restoration.export(tmp_path / "a.onnx")
    picture = regenerate(tmp_path / "a.onnx")
    np.testing.assert_allclose(picture, restoration.image, rtol=0, atol=1e-4)
    assert restoration.settings["noise_sigma"] == pytest.approx(0.2)
