"""`keras-dip demosaic`: a grey file gives a colour file."""

import numpy as np
import pytest
from PIL import Image

from keras_dip.ops.mosaic import bilinear, sites

DEMOSAIC = ("demosaic", "in.png", "-o", "out.png")


@pytest.fixture
def coloured(monkeypatch, prior):
    """Let the fake fit give the first guess of the task."""
    fit = prior.fit

    def fit_in_colour(self, img, **given):
        floats = np.atleast_3d(img / np.float32(np.iinfo(img.dtype).max))
        guess = self.task.prepare(floats).guess[0]
        restoration = fit(self, img, **given)
        restoration.image = guess
        return restoration

    monkeypatch.setattr(prior, "fit", fit_in_colour)
    return prior


@pytest.mark.parametrize("pattern", ["RGGB", "GBRG"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_grey_file_gives_a_colour_file(
    cli, coloured, picture, pixels, pattern, dtype
):
    original = picture(shape=(6, 8), dtype=dtype)

    ran = cli(*DEMOSAIC, "--pattern", pattern)

    assert ran.code == 0
    (made,) = coloured.made
    assert made.task.settings() == {"pattern": pattern}
    np.testing.assert_array_equal(made.img, original)  # in its own depth
    mask = sites(pattern, 6, 8)
    guess = bilinear(original[..., None] / np.float32(np.iinfo(dtype).max) * mask, mask)
    written = pixels("out.png")
    assert (written.shape, written.dtype) == ((6, 8, 3), "uint8")
    np.testing.assert_allclose(written, guess * 255, atol=0.51)


def test_the_profile_of_greys_is_not_that_of_colours(cli, coloured, picture, folder):
    picture(shape=(6, 8), icc_profile=b"of greys")
    assert cli(*DEMOSAIC).code == 0
    with Image.open(folder / "out.png") as image:
        assert "icc_profile" not in image.info


def test_there_is_no_such_pattern(cli, prior, picture):
    picture(shape=(6, 8))
    ran = cli(*DEMOSAIC, "--pattern", "RGB")
    assert ran.code == 2 and "'RGGB', 'BGGR', 'GRBG', 'GBRG'" in ran.err


def test_a_colour_picture_is_no_mosaic(cli, coloured, folder, picture):
    picture(shape=(6, 8, 3))
    ran = cli(*DEMOSAIC)
    assert ran.code == 1
    *_, last = ran.err.splitlines()
    assert last.startswith("keras-dip: Expected a mosaic, of one channel or three equa")
    assert not (folder / "out.png").exists()
