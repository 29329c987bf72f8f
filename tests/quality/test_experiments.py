"""What the paper's studies show has to show here too; a minute or two."""

import pytest

from keras_dip import experiments
from keras_dip.experiments.pictures import natural

pytestmark = pytest.mark.quality


def test_a_natural_picture_is_learnt_before_noise():
    setup = experiments.Setup(natural(None, 64), steps=200)
    outcome = experiments.run("learning-curves", setup)
    losses = {fit.name: fit.history["loss"] for fit in outcome.fits}
    shares = {
        name: [row["loss_share"] for row in outcome.rows if row["picture"] == name]
        for name in losses
    }
    print({name: (losses[name][-1], shares[name][-1]) for name in losses})
    for curves in (losses, shares):
        for step in (3, -1):  # half way, and at the end
            clear, noisy, shuffled, noise = (curve[step] for curve in curves.values())
            assert clear < 0.8 * noisy
            assert noisy < 0.5 * min(shuffled, noise)


def test_denoising_rises_and_falls():
    setup = experiments.Setup(natural(None, 64), steps=800)
    outcome = experiments.run("trajectory", setup)
    clean = [row["psnr_clean"] for row in outcome.rows]
    noisy = [row["psnr_noisy"] for row in outcome.rows]
    print(max(clean), clean[-1])
    assert max(clean) > clean[0] + 3 and max(clean) > clean[-1] + 2
    assert noisy[-1] > noisy[clean.index(max(clean))] + 2
