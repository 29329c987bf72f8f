"""`keras-dip deblur`: the ways to say which blur, and what is refused in one line."""

import numpy as np
import pytest

DEBLUR = ("deblur", "in.png", "-o", "out.png")


@pytest.mark.parametrize(
    ("options", "recorded"),
    [
        (("--gaussian", "1.5"), {"gaussian": 1.5}),
        (("--motion", "5,30"), {"motion": [5.0, 30.0]}),
        (("--motion", "5,-30.5"), {"motion": [5.0, -30.5]}),
        (("--disk", "2"), {"disk": 2.0}),
    ],
)
def test_the_blur_reaches_the_task(cli, prior, picture, options, recorded):
    picture()
    assert cli(*DEBLUR, *options).code == 0
    assert prior.made[0].task.settings() == recorded


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_a_picture_of_a_point_is_the_psf(cli, prior, picture, shape):
    picture()
    point = picture("point.png", shape=shape).astype("float64")
    assert cli(*DEBLUR, "--psf", "point.png").code == 0
    grey = point if point.ndim == 2 else point.mean(axis=-1)
    found = prior.made[0].task.psf
    np.testing.assert_allclose(found, grey / grey.sum(), atol=1e-6)


def test_the_psf_is_not_overwritten(cli, prior, picture):
    picture()
    picture("point.png", shape=(3, 3))
    ran = cli("deblur", "in.png", "--psf", "point.png", "-o", "point.png", "--force")
    assert ran.code == 1 and "not an input" in ran.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Received: none"),
        (("--disk", "2", "--gaussian", "1"), "Received: gaussian, disk"),
        (("--motion", "5"), "motion as a length in pixels"),
        (("--motion", "5,fast"), "numbers, as in 15,30. Received: '5,fast'"),
        (("--disk", "-1"), "disk (pixels) as a number above 0"),
    ],
)
def test_no_blur(cli, prior, picture, options, message):
    picture()
    ran = cli(*DEBLUR, *options)
    assert ran.code == 2
    *_, last = ran.err.splitlines()
    assert last.startswith("Error: ") and message in last
    assert prior.made == []
