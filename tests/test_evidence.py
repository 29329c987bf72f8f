"""What a restoration keeps to be judged by: what came in, and how it was damaged."""

import numpy as np
import pytest

from keras_dip import (
    Compose,
    Deblur,
    DeepImagePrior,
    Demosaic,
    Denoise,
    Inpaint,
    Operator,
    SuperResolve,
)


@pytest.fixture
def restored(tiny_network):
    """Restore a picture in a few steps."""

    def restore(task, picture, shape, **settings):
        prior = DeepImagePrior(
            task,
            network=tiny_network(*shape),
            latent="noise",
            steps=3,
            stop="none",
            **settings,
        )
        return prior.fit(picture)

    return restore


def as_levels(picture):
    return np.rint(picture * 255).astype("uint8")


def test_what_came_in_is_kept_as_it_came(restored, scene):
    levels = as_levels(scene(12, 16))
    restoration = restored(Denoise(sigma=0.1), levels, (12, 16, 1))
    evidence = restoration.evidence
    np.testing.assert_array_equal(evidence.given[..., 0], levels)
    assert evidence.given.dtype == np.uint8 and evidence.known is None
    residual = evidence.residual(restoration.image)
    np.testing.assert_allclose(
        residual[..., 0], levels / 255 - restoration.image, atol=1e-6
    )


def test_alpha_that_is_the_mask_is_no_part_of_the_picture(restored, scene):
    picture = as_levels(scene(12, 16, 4))
    picture[..., 3] = 255
    picture[3:6, 4:9, 3] = 0
    restoration = restored(Inpaint(), picture, (12, 16, 3))
    evidence = restoration.evidence
    np.testing.assert_array_equal(evidence.given, picture[..., :3])
    np.testing.assert_array_equal(evidence.known[..., 0] > 0, picture[..., 3] > 0)
    residual = evidence.residual(restoration.image)
    assert not residual[3:6, 4:9].any() and residual[0].any()


@pytest.mark.parametrize(
    ("task", "observed", "restored_shape"),
    [
        (SuperResolve(factor=2), (6, 8, 3), (12, 16, 3)),
        (Deblur(gaussian=1.0), (12, 16, 3), (12, 16, 3)),
        (Demosaic("RGGB"), (12, 16), (12, 16, 3)),
        (Compose(SuperResolve(factor=2), Denoise(0.1)), (6, 8, 3), (12, 16, 3)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_residual_is_that_of_the_damaged_result(
    restored, scene, task, observed, restored_shape
):
    from keras import ops

    levels = as_levels(scene(*observed))
    restoration = restored(task, levels, restored_shape)
    residual = restoration.evidence.residual(restoration.image)
    made = ops.convert_to_numpy(task.degrade(restoration.image[np.newaxis]))[0]
    expected = levels.reshape(made.shape) / 255 - made
    assert residual.shape[:2] == observed[:2]
    np.testing.assert_allclose(residual, expected, atol=1e-5)


def test_of_several_observations_the_first_is_compared(restored, scene):
    levels = as_levels(scene(12, 16, 3))
    task = Operator(lambda x: [x * 0.5, x], more=[levels])
    restoration = restored(task, levels, (12, 16, 3))
    residual = restoration.evidence.residual(restoration.image)
    np.testing.assert_allclose(
        residual, levels / 255 - restoration.image * 0.5, atol=1e-5
    )


def test_arguments_are_kept_as_python_writes_them(restored, scene):
    picture = scene(12, 16, 3)
    evidence = restored(Denoise(sigma=0.1), picture, (12, 16, 3), seed=4).evidence
    assert evidence.arguments == {
        "network": "...",
        "steps": "3",
        "stop": "'none'",
        "seed": "4",
        "latent": "'noise'",
    }


def test_iterates_can_be_seen_without_their_networks(scene, tiny_network):
    prior = DeepImagePrior(
        Denoise(sigma=0.1),
        network=tiny_network(12, 16),
        latent="noise",
        steps=50,
        snapshots="auto",
        stop="none",
    )
    restoration = prior.fit(scene(12, 16, 3, noise=0.1))
    assert restoration.settings["snapshots"] == 8
    assert list(restoration.snapshots) == [25, 50]
    for step in restoration.snapshots:
        np.testing.assert_allclose(
            restoration.picture_at(step), restoration.at(step).image, atol=1e-5
        )
    with pytest.raises(ValueError, match="30"):
        restoration.picture_at(30)


def test_averages_of_outputs_are_shown_as_they_are(scene, tiny_network):
    # The network of such a picture would first have to be brought to it.
    prior = DeepImagePrior(
        Denoise(sigma=0.1),
        preset="paper",
        network=tiny_network(12, 16, inputs=32),
        steps=50,
        snapshots=2,
    )
    restoration = prior.fit(scene(12, 16, 3, noise=0.1))
    first = restoration.snapshots[25].candidates[0]
    np.testing.assert_allclose(
        restoration.picture_at(25), first.average[0].clip(0, 1), atol=1e-6
    )


def test_tiles_have_evidence_of_the_whole_and_no_snapshots(scene):
    picture = as_levels(scene(128, 200))
    options = {"down_channels": (4,), "up_channels": (4,), "skip_channels": (2,)}
    from functools import partial

    from keras_dip.models.skip import build_skip

    prior = DeepImagePrior(
        Denoise(sigma=0.1),
        network=partial(build_skip, **options),
        latent="noise",
        steps=2,
        stop="none",
        tile=128,
        snapshots="auto",
    )
    restoration = prior.fit(picture)
    assert restoration.tiles is not None and restoration.snapshots == {}
    assert restoration.settings["snapshots"] == 0
    np.testing.assert_array_equal(restoration.evidence.given[..., 0], picture)
    assert restoration.evidence.residual(restoration.image).shape == (128, 200, 1)


def test_where_features_are_compared_there_is_no_residual():
    from keras_dip import ActivationMaximization, FeatureInversion

    assert not FeatureInversion.compares_pixels
    assert not ActivationMaximization.compares_pixels
    assert Denoise.compares_pixels


@pytest.mark.parametrize("snapshots", ["some", -1, 1.5])
def test_snapshots_are_a_number_or_auto(snapshots):
    with pytest.raises(ValueError, match="snapshots"):
        DeepImagePrior(snapshots=snapshots)
