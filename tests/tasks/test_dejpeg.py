"""Removal of JPEG artefacts: what is known of the compression, and how it is used."""

import io
import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import scipy.fft
from PIL import Image
from skimage import data

from keras_dip import DeepImagePrior, DeJPEG, models
from keras_dip.images import JpegCoding
from keras_dip.ops.jpeg import coefficients, standard_tables
from keras_dip.ops.jpeg import picture as picture_of
from keras_dip.settings import jittered, resolve
from keras_dip.tasks.dejpeg import PULL

array = keras.ops.convert_to_numpy


def told(coding):
    """Return what a picture's file tells."""
    return SimpleNamespace(jpeg=coding)


def file_of(pixels, **settings):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **settings)
    return Image.open(buffer)


@pytest.fixture
def face():
    """A photograph, uint8 [48, 56, 3]."""
    return data.astronaut()[80:128, 180:236]


def seen(task, image):
    """Return a problem as the default preset prepares it."""
    return task.use_quantisation(task.prepare((np.asarray(image) / 255).astype("f4")))


def test_tables_of_a_quality():
    np.testing.assert_array_equal(DeJPEG(35).tables, standard_tables(35))
    assert DeJPEG(np.int64(35)).quality == 35
    assert DeJPEG().tables is None


def test_tables_in_any_form_that_pillow_or_a_shell_has(face):
    quantization = file_of(face, quality=20).quantization
    expected = standard_tables(20)
    flat = tuple(float(step) for table in quantization.values() for step in table)
    for given in (quantization, list(quantization.values()), expected, flat):
        np.testing.assert_array_equal(DeJPEG(tables=given).tables, expected)
    one = DeJPEG(tables=quantization[0]).tables
    np.testing.assert_array_equal(one, expected[:1])


def test_what_is_given_comes_before_what_the_file_tells():
    coding = JpegCoding(((3,) * 64, (4,) * 64, (5,) * 64), "4:2:2")
    task = DeJPEG().informed_by(told(coding))
    assert task.tables[:, 0, 0].tolist() == [3, 4, 5]
    assert task.subsampling == "4:2:2"
    given = DeJPEG(20, subsampling="4:4:4").informed_by(told(coding))
    np.testing.assert_array_equal(given.tables, standard_tables(20))
    assert (given.quality, given.subsampling) == (20, "4:4:4")
    assert DeJPEG(tables=(9,) * 64).informed_by(told(coding)).tables[0, 0, 0] == 9
    unknown = DeJPEG()
    assert unknown.informed_by(told(None)) is unknown


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_the_data_term_knows_every_coefficient(face, subsampling):
    task = DeJPEG(10, subsampling=subsampling)
    image = file_of(face, quality=10, subsampling=subsampling)
    problem = seen(task, image)
    multiples = problem.observed["luma"] / problem.observed["luma_steps"]
    np.testing.assert_allclose(multiples, np.rint(multiples), atol=1e-4)
    clean = (face / 255).astype("float32")[np.newaxis]
    for name, plane in zip(
        ("luma", "chroma"), coefficients(clean, subsampling), strict=True
    ):
        # The clean picture is hardly ever further off than rounding can be.
        off = np.abs(array(plane) - problem.observed[name])
        allowed = problem.observed[f"{name}_steps"] / 2 + 1
        assert (off <= allowed).mean() > 0.99


def test_the_data_term_is_the_distance_from_what_the_file_allows(face):
    image = file_of(face, quality=10, subsampling="4:4:4")
    task = DeJPEG(10, subsampling="4:4:4")
    observed = seen(task, image).observed
    assert seen(task, image).sigma == 0  # nothing but rounding is left
    # One coefficient of one block: row 2, column 1 of the block at the top left.
    wave = np.zeros((8, 8))
    wave[2, 1] = 1
    wave = scipy.fft.idctn(wave, norm="ortho")
    # Coefficients as observed, with the same added to red, green and blue: to luma.
    middle = array(
        picture_of([observed["luma"], observed["chroma"]], (48, 56), "4:4:4")
    )
    step = observed["luma_steps"][0, 2, 1, 0]

    def loss(steps):
        x = middle.copy()
        x[0, :8, :8] += (steps * step * wave / 255)[..., np.newaxis]
        return float(array(task.data_term(x, observed))) * x.size * 255**2 / step**2

    assert loss(0.0) == pytest.approx(0, abs=1e-3)
    assert loss(0.4) == pytest.approx(PULL * 0.4**2, abs=1e-3)
    assert loss(1.5) == pytest.approx(1 + PULL * 1.5**2, rel=1e-2)
    assert loss(-1.5) == pytest.approx(1 + PULL * 1.5**2, rel=1e-2)


@pytest.mark.parametrize(("tables", "expected"), [(1, [5, 5, 5]), (2, [5, 6, 6])])
def test_channels_without_a_table_of_their_own_share_the_last(face, tables, expected):
    given = np.arange(5, 5 + tables)[:, None, None] * np.ones((1, 8, 8))
    observed = seen(DeJPEG(tables=given), face).observed
    found = [*observed["luma_steps"][0, 0, 0], *observed["chroma_steps"][0, 0, 0]]
    assert found == expected
    # Chroma of 4:2:0 has half the rows and columns, in whole blocks.
    assert observed["chroma"].shape == (1, 24, 32, 2)
    grey = seen(DeJPEG(tables=given), face[..., :1]).observed
    assert "chroma" not in grey


def test_the_preset_says_whether_quantisation_is_known():
    assert resolve(DeJPEG(10), "fast").quantisation
    assert not resolve(DeJPEG(10), "paper").quantisation


def test_without_tables_it_is_the_mean_squared_error(face, picture):
    task, x = DeJPEG(), picture(1, 48, 56, 3)
    problem = seen(task, face)
    assert list(problem.observed) == ["picture"]
    assert problem.sigma is None  # damage of a kind that no rule knows
    loss = array(task.data_term(x, problem.observed))
    assert loss == pytest.approx(np.mean((x - face / 255) ** 2), rel=1e-4)
    assert task.finish(x, problem.observed) is x


def test_published_settings(published):
    paper = published(DeJPEG(10))
    assert paper.z == ("noise", 3)
    assert paper.channels == (8, 16, 32, 64, 128)
    assert paper.skips == (0, 0, 0, 4, 4)
    assert paper.down_kernel == 3
    assert paper.up_1x1
    assert paper.upsampling == "bilinear"
    assert paper.learning_rate == 0.01
    assert paper.steps == 2400
    assert paper.jitter == 1 / 30
    assert paper.average == 0.99
    assert paper.average_from_first


def test_published_number_of_weights():
    paper = resolve(DeJPEG(), "paper")
    network = models.build(
        paper.network,
        (32, 32),
        input_channels=paper.latent_channels,
        output_channels=3,
        **paper.network_options,
    )
    weights = sum(int(np.prod(w.shape)) for w in network.trainable_weights)
    assert weights == 572_827


def test_a_fit_takes_the_tables_of_a_fresh_pillow_image(face, tiny_network):
    network = tiny_network(48, 56)
    prior = DeepImagePrior(DeJPEG(), network=network, latent="noise", steps=2)
    restoration = prior.fit(file_of(face, quality=10))
    assert restoration.image.shape == face.shape
    options = restoration.settings["task_options"]
    assert options["tables"][0] == standard_tables(10)[0].tolist()
    assert options["subsampling"] == "4:2:0"
    assert prior.task.tables is None  # ready for the next picture


def test_settings_can_be_recorded():
    assert json.loads(json.dumps(DeJPEG().settings())) == {
        "quality": None,
        "tables": None,
        "subsampling": None,
    }
    assert json.loads(json.dumps(DeJPEG(10).settings()))["quality"] == 10


@pytest.mark.parametrize("quality", [0, 101, -1, True, "x", 50.0, float("nan")])
def test_no_quality(quality):
    with pytest.raises(ValueError, match="Expected quality as an int") as raised:
        DeJPEG(quality)
    assert str(raised.value).endswith(f"Received: {quality!r}")


@pytest.mark.parametrize(
    "tables",
    [(1, 2), np.ones((7, 8)), np.ones((4, 8, 8)), "x", {}, [[1], [2, 3]]],
    ids=str,
)
def test_tables_of_a_wrong_shape(tables):
    with pytest.raises(ValueError, match="Expected tables of 8 x 8 steps") as raised:
        DeJPEG(tables=tables)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("step", [0, -1, 2.5, 65536, float("nan")])
def test_steps_that_no_file_holds(step):
    with pytest.raises(ValueError, match=f"integers from 1 to 65535.*{step:g}$"):
        DeJPEG(tables=[1] * 63 + [step])


def test_contradictions():
    with pytest.raises(ValueError, match="a quality or tables"):
        DeJPEG(10, tables=[1] * 64)
    with pytest.raises(ValueError, match=r"subsampling of 4:4:4.*Received: '4:1:1'"):
        DeJPEG(subsampling="4:1:1")


def test_a_picture_that_no_jpeg_holds(picture):
    with pytest.raises(ValueError, match=r"grey or RGB picture\. Received: 4 channels"):
        DeJPEG(10).prepare(picture(8, 8, 4))
    assert DeJPEG().prepare(picture(8, 8, 4)).shape == (8, 8, 4)


@pytest.mark.parametrize(
    ("quality", "jitter"), [(10, 0.142), (50, 0.064), (100, 0.016)]
)
def test_the_noise_on_z_goes_with_the_steps_of_the_file(picture, quality, jitter):
    task = DeJPEG(quality)
    problem = task.use_quantisation(task.prepare(picture(16, 16, 3)))
    fast, paper = (resolve(task, preset) for preset in ("fast", "paper"))
    assert jittered(fast, problem).jitter == pytest.approx(jitter, abs=1e-3)
    # Where the tables are not used, the preset's own.
    assert jittered(paper, task.prepare(picture(16, 16, 3))).jitter == paper.jitter
