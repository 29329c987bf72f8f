"""Enhancement: base + strength * detail."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut

from keras_dip import DeepImagePrior, Enhance


@pytest.mark.parametrize("strength", [0.5, 1, 3])
def test_detail_is_what_the_base_lacks(picture, strength):
    x0, base = picture(1, 4, 5, 3), picture(1, 4, 5, 3, seed=1)
    finished = Enhance(strength).finish(base, {"picture": x0})
    np.testing.assert_allclose(finished - base, strength * (x0 - base), atol=1e-6)


def test_the_picture_gets_more_contrast_in_its_detail(small_skip):
    img = astronaut()[60:108, 200:248] / np.float32(255)
    enhanced = DeepImagePrior(Enhance(3), network=small_skip, steps=50).fit(img).image

    def detail(x):
        return np.abs(x - gaussian_filter(x, (1, 1, 0))).mean()

    assert detail(enhanced) > 1.3 * detail(img)
    # The light stays.
    assert abs(enhanced.mean() - img.mean()) < 0.02


@pytest.mark.parametrize("strength", [0, -1, 11, "2", None, True])
def test_a_strength_out_of_range(strength):
    with pytest.raises(ValueError, match="strength as a number above 0 and at most 10"):
        Enhance(strength)
