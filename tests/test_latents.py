"""z: what each kind is made of, its grid of integers, and its seed."""

import numpy as np
import pytest

from keras_dip.latents import GIVEN, KINDS, make_latent, with_picture

SIZE = (12, 20)


def picture(*shape, seed=0):
    return np.random.default_rng(seed).uniform(size=(1, *shape)).astype("float32")


def test_noise_is_uniform_below_a_tenth_on_256_levels():
    latent = make_latent("noise", (64, 64), 8, seed=1)
    assert latent.codes.shape == latent.values.shape == (1, 64, 64, 8)
    assert latent.codes.dtype == "uint8"
    assert latent.values.dtype == "float32"
    assert latent.values.min() == 0
    assert 0.0995 < latent.values.max() < 0.1
    assert latent.values.mean() == pytest.approx(0.05, abs=1e-3)
    assert latent.values.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.01)
    assert len(np.unique(latent.values)) == 256
    # Neither pixels nor channels repeat each other.
    flat = latent.values.reshape(-1, 8)
    correlations = np.corrcoef(flat, rowvar=False) - np.eye(8)
    assert np.abs(correlations).max() < 0.1
    assert abs(np.corrcoef(flat[1:, 0], flat[:-1, 0])[0, 1]) < 0.1


def test_normal_noise_is_standard():
    values = make_latent("normal", (64, 64), 4, seed=1).values
    assert values.mean() == pytest.approx(0, abs=0.03)
    assert values.std() == pytest.approx(1, rel=0.02)
    assert np.abs(values).max() <= 4.001
    assert np.mean(np.abs(values) < 1) == pytest.approx(0.683, abs=0.03)


@pytest.mark.parametrize("kind", ["noise", "normal"])
def test_the_seed_decides_what_is_drawn(kind):
    first = make_latent(kind, SIZE, 3, seed=5).codes
    np.testing.assert_array_equal(first, make_latent(kind, SIZE, 3, seed=5).codes)
    assert not np.array_equal(first, make_latent(kind, SIZE, 3, seed=6).codes)


def test_a_meshgrid_holds_x_and_y_from_edge_to_edge():
    latent = make_latent("meshgrid", SIZE, 2, seed=1)
    x, y = np.moveaxis(latent.values[0], -1, 0)
    np.testing.assert_allclose(x, np.tile(np.linspace(0, 1, 20), (12, 1)), atol=1e-5)
    expected = np.tile(np.linspace(0, 1, 12)[:, np.newaxis], (1, 20))
    np.testing.assert_allclose(y, expected, atol=1e-5)
    assert latent.codes.dtype == "uint16"


@pytest.mark.parametrize("channels", [1, 3, 32])
def test_a_meshgrid_has_two_channels(channels):
    message = f"Expected 2 channels for a meshgrid. Received: {channels}"
    with pytest.raises(ValueError, match=message):
        make_latent("meshgrid", SIZE, channels, seed=1)


def test_fourier_features_double_their_frequency():
    values = make_latent("fourier", SIZE, 8, seed=1).values[0]
    x, y = np.linspace(0, 1, 20), np.linspace(0, 1, 12)
    for octave in range(2):
        angle = 2 * np.pi * 2**octave
        first = 4 * octave
        np.testing.assert_allclose(values[3, :, first], np.sin(angle * x), atol=1e-4)
        np.testing.assert_allclose(
            values[3, :, first + 1], np.cos(angle * x), atol=1e-4
        )
        np.testing.assert_allclose(
            values[:, 3, first + 2], np.sin(angle * y), atol=1e-4
        )
        np.testing.assert_allclose(
            values[:, 3, first + 3], np.cos(angle * y), atol=1e-4
        )


@pytest.mark.parametrize("channels", [0, 2, 6])
def test_fourier_features_come_in_fours(channels):
    message = f"multiple of 4 channels for Fourier .* Received: {channels}"
    with pytest.raises(ValueError, match=message):
        make_latent("fourier", SIZE, channels, seed=1)


def test_a_picture_lies_where_the_network_crops():
    y = picture(9, 15, 3)
    latent = make_latent("picture", SIZE, 0, seed=1, picture=y)
    assert latent.values.shape == (1, *SIZE, 3)
    inside = latent.values[:, 1:10, 2:17]
    np.testing.assert_allclose(inside, y, atol=0.5 / 255 + 1e-6)
    sides = ((0, 0), (1, 2), (2, 3), (0, 0))
    np.testing.assert_allclose(
        latent.values, np.pad(inside, sides, mode="symmetric"), atol=1e-6
    )


def test_a_small_picture_is_mirrored_as_often_as_needed():
    y = picture(2, 3, 1)
    values = make_latent("picture", SIZE, 0, seed=1, picture=y).values
    np.testing.assert_allclose(values[:, 5:7, 8:11], y, atol=0.5 / 255 + 1e-6)
    assert len(np.unique(values)) == 6


@pytest.mark.parametrize(("levels", "dtype"), [(256, "uint8"), (65536, "uint16")])
def test_the_levels_of_a_picture_are_kept_exactly(levels, dtype):
    codes = np.random.default_rng(0).integers(levels, size=(1, *SIZE, 3))
    y = (codes / (levels - 1)).astype("float32")
    latent = make_latent("picture", SIZE, 0, 1, picture=y)
    assert latent.codes.dtype == dtype
    np.testing.assert_array_equal(latent.codes, codes)
    np.testing.assert_allclose(latent.values, y, atol=1e-7)


def test_a_picture_beyond_black_and_white_is_stored_whole():
    y = 3 * picture(*SIZE, 3) - 1
    latent = make_latent("picture", SIZE, 0, seed=1, picture=y)
    assert latent.codes.dtype == np.uint16
    np.testing.assert_allclose(latent.values, y, atol=np.ptp(y) / 65535)


def test_a_picture_with_noise_is_both():
    y = picture(*SIZE, 3)
    both = make_latent("picture+noise", SIZE, 5, seed=1, picture=y)
    alone = make_latent("picture", SIZE, 0, seed=1, picture=y)
    assert both.values.shape == (1, *SIZE, 8)
    np.testing.assert_allclose(both.values[..., :3], alone.values, atol=1e-7)
    noise = both.values[..., 3:]
    assert noise.max() < 0.1
    assert noise.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_what_the_codes_stand_for(kind):
    channels = 2 if kind == "meshgrid" else 4
    y = picture(*SIZE, 3)
    latent = make_latent(kind, SIZE, channels, 1, picture=y)
    assert latent.kind == kind
    assert latent.codes.dtype in ("uint8", "uint16")
    assert latent.values.dtype == "float32"
    assert latent.values.shape == latent.codes.shape
    expected = latent.codes * latent.scale.astype("float64") + latent.offset
    np.testing.assert_allclose(latent.values, expected, atol=1e-6)
    # Whoever gets the file should be told whether it shows the degraded picture.
    assert latent.contains_picture is kind.startswith("picture")


def test_an_unknown_kind():
    with pytest.raises(ValueError, match=r"noise, .*fourier.* Received: 'perlin'"):
        make_latent("perlin", SIZE, 3, seed=1)


def test_a_picture_is_needed_for_a_latent_made_from_it():
    with pytest.raises(ValueError, match=r"Expected a picture .*'picture'"):
        make_latent("picture", SIZE, 3, seed=1)


def test_a_z_of_the_user_is_a_picture_that_is_not_the_one_to_restore():
    y = picture(9, 15, 3)
    given = make_latent(GIVEN, SIZE, 0, seed=1, picture=y)
    own = make_latent("picture", SIZE, 0, seed=1, picture=y)
    np.testing.assert_array_equal(given.codes, own.codes)
    assert (given.kind, given.contains_picture) == ("given", False)
    assert own.contains_picture


def test_another_picture_can_take_the_place_of_the_one_in_z():
    first, second = picture(9, 15, 3), 3 * picture(9, 15, 3, seed=1) - 1
    z = make_latent("picture+noise", SIZE, 2, seed=1, picture=first).values
    other = with_picture(z, second)
    # Where the network crops, mirrored around it, neither clipped nor on a grid.
    np.testing.assert_array_equal(other[:, 1:10, 2:17, :3], second)
    np.testing.assert_array_equal(other[:, 0, 2:17, :3], second[:, 0])
    np.testing.assert_array_equal(other[..., 3:], z[..., 3:])
    assert other.dtype == "float32"
    assert other.min() < 0
    assert other.max() > 1
