"""Restorations of pictures that are fitted tile by tile."""

import numpy as np
import pytest
from keras.callbacks import LambdaCallback

from keras_dip import (
    Compose,
    DeepImagePrior,
    DeJPEG,
    Demosaic,
    Denoise,
    FlashNoFlash,
    Inpaint,
    Operator,
    Reconstruct,
    SuperResolve,
    memory,
)
from keras_dip.checkpoint import Checkpoint
from keras_dip.errors import ExportError, KerasDipError
from keras_dip.onnx_io import export as exporting
from keras_dip.onnx_io.regenerate import info, regenerate
from keras_dip.progress import CallClock
from keras_dip.tiles import tiling

SIZE = (150, 200)

pytestmark = pytest.mark.usefixtures("traced_once")


def prior(task, **options):
    """Fit the picture itself: no network is traced faster."""
    defaults = {"network": "pixels", "steps": 2, "stop": "none", "tile": 128}
    return DeepImagePrior(task, **{**defaults, "tile_overlap": 32, **options})


@pytest.fixture
def tiled(scene):
    return prior(Reconstruct()).fit(scene(*SIZE, 3))


def test_the_whole_is_made_of_tiles_of_one_size(tiled):
    assert tiled.image.shape == (*SIZE, 3)
    assert tiled.settings["tiles"] == {
        "side": [128, 128],
        "tops": [0, 22],
        "lefts": [0, 72],
    }
    assert tiled.settings["shape"] == [*SIZE, 3]
    assert tiled.z.shape[0] == 4
    assert tiled.steps == 8
    assert tiled.history["tile"].tolist() == [0, 1, 2, 3]
    assert "4 tiles" in tiled.stop_reason


def test_compiling_is_summed_over_tiles_and_members(scene, monkeypatch):
    monkeypatch.setattr(CallClock, "compile_seconds", 1.5)
    whole = prior(Reconstruct(), members=2).fit(scene(*SIZE, 3))
    assert whole.compile_seconds == 4 * 2 * 1.5


@pytest.mark.parametrize(
    ("make", "shape", "restored"),
    [
        (lambda s: Denoise(0.05), (*SIZE, 3), (*SIZE, 3)),
        (lambda s: Denoise(noise="poisson"), SIZE, SIZE),
        (lambda s: Denoise(noise="impulse"), SIZE, SIZE),
        (lambda s: Inpaint(s(*SIZE) > 0.4), (*SIZE, 3), (*SIZE, 3)),
        (lambda s: SuperResolve(3), (51, 67, 3), (153, 201, 3)),
        (lambda s: DeJPEG(20), (*SIZE, 3), (*SIZE, 3)),
        (lambda s: Demosaic("GRBG"), SIZE, (*SIZE, 3)),
        (lambda s: FlashNoFlash(s(*SIZE, 3)), (*SIZE, 3), (*SIZE, 3)),
        (
            lambda s: Compose(SuperResolve(2), Inpaint(s(75, 100) > 0.4)),
            (75, 100, 3),
            (*SIZE, 3),
        ),
    ],
    ids=lambda x: "",
)
def test_every_task_sees_its_own_part(scene, make, shape, restored):
    """Over the pixels themselves, a tile's fit is that of the whole, but for borders.

    So one step, from the same start, shows what a tile was compared with.
    """
    picture = scene(*shape, noise=0.02)
    task = make(scene)
    restoration = prior(task, latent="noise").fit(picture)
    assert restoration.image.shape == restored
    problem = task.prepare(picture if picture.ndim == 3 else picture[..., None])
    factor = restored[0] // shape[0]
    plan = tiling(restored, 128, 32, (task.grid or 1) * factor)
    assert restoration.settings["tiles"]["lefts"] == list(plan.lefts)
    window = plan.windows[-1]
    part = task.crop(problem, window)
    truth = scene(*restored[:2], restored[2] if len(restored) == 3 else 1)
    inside = np.s_[:, 16:-16, 16:-16]
    whole_error = task.degrade(truth[np.newaxis]) - problem.observed["picture"]
    part_error = task.degrade(window.of(truth[np.newaxis])) - part.observed["picture"]
    expected = window.scaled(1 / factor).of(np.asarray(whole_error))
    if isinstance(task, Denoise) and task.noise == "poisson":
        assert part.scale is problem.scale
    np.testing.assert_allclose(
        np.asarray(part_error)[inside], expected[inside], atol=1e-5
    )


def test_noise_is_measured_on_the_whole(scene):
    picture = scene(*SIZE, 3)
    rng = np.random.default_rng(0)
    picture[:, 100:] += 0.1 * rng.standard_normal((SIZE[0], 100, 3))
    picture = picture.clip(0, 1).astype("float32")
    whole = prior(Denoise(), tile=0).fit(picture).settings["noise_sigma"]
    parts = prior(Denoise()).fit(picture).settings["noise_sigma"]
    assert parts == whole > 0


def test_the_file_gives_the_whole(tiled, tmp_path):
    tiled.export(tmp_path / "a.onnx")
    image = regenerate(tmp_path / "a.onnx")
    np.testing.assert_allclose(image, tiled.image, atol=1e-4)
    told = info(tmp_path / "a.onnx")
    assert told["image_shape"] == [1, *SIZE, 3]
    assert told["settings"]["tiles"]["side"] == [128, 128]
    with pytest.raises(KerasDipError, match="without tiles for another z"):
        regenerate(tmp_path / "a.onnx", z=tiled.z)


def test_too_large_a_file_becomes_a_table(tiled, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "LARGEST", 1000)
    tiled.export(tmp_path / "a.onnx")
    assert sorted(p.name for p in (tmp_path / "a.tiles").iterdir()) == [
        f"000{i}.onnx" for i in range(4)
    ]
    image = regenerate(tmp_path / "a.onnx")
    np.testing.assert_allclose(image, tiled.image, atol=1e-4)
    assert info(tmp_path / "a.onnx")["file_size"] > 4 * 128 * 128
    (tmp_path / "a.tiles" / "0002.onnx").write_bytes(b"lost")
    with pytest.raises(KerasDipError, match=r"0002\.onnx"):
        regenerate(tmp_path / "a.onnx")
    (tmp_path / "a.tiles" / "0002.onnx").unlink()
    with pytest.raises(KerasDipError, match=r"0002\.onnx"):
        regenerate(tmp_path / "a.onnx")


def test_members_give_each_tile_its_uncertainty(scene):
    restoration = prior(Reconstruct(), members=2).fit(scene(*SIZE))
    assert restoration.uncertainty.shape == SIZE
    assert np.isfinite(restoration.uncertainty).all()


class Stop:
    """Breaks off while a tile is fitted."""

    def __init__(self, number, error):
        import keras

        class Callback(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if self.model.place[0] == number:
                    raise error

        self.callback = Callback()


@pytest.mark.parametrize(
    ("error", "word"), [(KeyboardInterrupt, "interrupt"), (OSError, "error")]
)
def test_what_is_not_fitted_shows_the_input(scene, tmp_path, error, word):
    picture = scene(*SIZE, 3)
    stopped = prior(Reconstruct(), callbacks=[Stop(2, error).callback])
    if error is OSError:
        with pytest.raises(OSError):
            stopped.fit(picture)
    else:
        stopped.fit(picture)
    restoration = stopped.restoration
    assert restoration.stopped_by == word
    assert restoration.stop_reason.endswith("after 1 of 4 tiles.")
    np.testing.assert_allclose(restoration.image[128:, 128:], picture[128:, 128:])
    assert np.abs(restoration.image[:20, :60] - picture[:20, :60]).max() > 1e-3
    with pytest.raises(ExportError, match="all 4 tiles"):
        restoration.export(tmp_path / "a.onnx")


def test_a_checkpoint_keeps_the_tiles_that_are_done(scene, tmp_path):
    picture, folder = scene(*SIZE, 3), tmp_path / "kept"
    whole = prior(Reconstruct()).fit(picture)
    prior(Reconstruct(), callbacks=[Stop(3, KeyboardInterrupt).callback]).fit(
        picture, checkpoint=folder
    )
    assert len(list(folder.glob("member-*.npz"))) == 2
    again = prior(Reconstruct()).fit(picture, checkpoint=folder)
    np.testing.assert_array_equal(again.image, whole.image)
    assert not list(folder.iterdir())


def test_tiles_that_were_fitted_apart_make_the_same_picture(scene, tmp_path):
    picture = scene(*SIZE, 3)
    whole = prior(Reconstruct(), members=2).fit(picture)
    cut = prior(Reconstruct(), members=2).cut(picture, tmp_path)
    assert len(cut.tiling.windows) == 4
    for index in (2, 0, 3):  # in any order, and not necessarily all
        cut.fit(index)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"member-{place}.npz" for place in (0, 1, 4, 5, 6, 7)}
    steps = []
    callback = LambdaCallback(on_epoch_end=lambda epoch, logs: steps.append(epoch))
    joined = prior(Reconstruct(), members=2, callbacks=[callback])
    again = joined.fit(picture, checkpoint=tmp_path)
    assert len(steps) == 2  # of both members of the one tile that was left
    np.testing.assert_array_equal(again.image, whole.image)
    np.testing.assert_array_equal(again.uncertainty, whole.uncertainty)
    assert list(tmp_path.iterdir()) == []


def test_a_tile_that_there_is_not(scene, tmp_path):
    picture = scene(*SIZE, 3)
    cut = prior(Reconstruct()).cut(picture, tmp_path)
    with pytest.raises(ValueError, match=r"one of 4 tiles, from 0\. Received: 4"):
        cut.fit(4)
    with pytest.raises(ValueError, match=r"no time limit .* Received: 9 s"):
        prior(Reconstruct(), time_limit=9).cut(picture, tmp_path)
    assert prior(Reconstruct(), tile=0).cut(picture, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_cuts_as_before_whatever_is_free(
    scene, tmp_path, monkeypatch
):
    picture = scene(*SIZE, 3)
    checkpoint = Checkpoint(tmp_path)

    def fit(free):
        room = memory.Room(free, process=0, per_value=0, per_output=6)
        monkeypatch.setattr(memory, "room", lambda *_: room)
        return prior(Reconstruct(), tile=None).fit(picture, checkpoint=checkpoint)

    first = fit(20 * 128**2)  # 6 bytes for 3 numbers a pixel, a little for z
    assert len(first.tiles.fitted) == 4
    again = fit(10**9)
    assert len(again.tiles.fitted) == 4
    np.testing.assert_array_equal(again.image, first.image)


def test_a_time_limit_is_shared_by_the_tiles(scene):
    restoration = prior(Reconstruct(), steps=100_000, time_limit=2).fit(scene(*SIZE))
    assert restoration.stopped_by == "time limit"
    assert restoration.tiles.are_complete


def test_what_cannot_be_cut_says_so(scene, tiled, tmp_path):
    picture = scene(*SIZE, 3)
    with pytest.raises(ValueError, match=r"into tiles\. Received: 'operator'"):
        prior(Operator(lambda x: x)).fit(picture)
    with pytest.raises(ValueError, match="Expected snapshots=0"):
        prior(Reconstruct(), snapshots=3).fit(picture)
    with pytest.raises(ValueError, match="fitted as a whole"):
        prior(Reconstruct()).fit(picture, warm_start=tiled)
    with pytest.raises(ExportError, match="fitted as a whole"):
        tiled.export(tmp_path / "a.keras")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 100}, "0 .no tiles. or 128 pixels and more. Received: 100"),
        ({"tile": -1}, "tile"),
        ({"tile": 128, "tile_overlap": 65}, "at most half a tile, 64 pixels"),
        ({"max_memory": 0}, "max_memory"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        DeepImagePrior("denoise", **options)
