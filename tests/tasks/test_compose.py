"""A chain of degradations: order, shapes, what stays known, noise, and a gain."""

import numpy as np
import pytest
from keras import ops
from skimage.data import astronaut

from keras_dip import (
    Compose,
    Deblur,
    DeepImagePrior,
    Demosaic,
    Denoise,
    Enhance,
    Inpaint,
    Operator,
    SuperResolve,
)
from keras_dip.metrics import psnr
from keras_dip.ops.downsample import downsample
from keras_dip.stopping import rule_for


def numbers(x):
    return ops.convert_to_numpy(x)


def holes(height, width, share=0.3):
    return np.random.default_rng(3).uniform(size=(height, width)) > share


def test_the_first_task_is_the_first_damage(picture):
    def brighter(x):
        return x**2

    task = Compose(SuperResolve(2), Operator(brighter))
    problem = task.prepare(picture(4, 3, 3))
    assert problem.shape == (8, 6, 3)
    x = picture(1, 8, 6, 3, seed=1)
    expected = numbers(downsample(x, 2)) ** 2
    np.testing.assert_allclose(numbers(task.degrade(x)), expected, atol=1e-6)
    loss = numbers(task.data_term(x, problem.observed))
    error = expected - problem.observed["picture"]
    assert loss == pytest.approx(np.mean(error**2), rel=1e-4)


def test_two_enlargements_are_one_of_their_product(picture):
    problem = Compose(SuperResolve(2), SuperResolve(3)).prepare(picture(4, 5, 1))
    assert problem.shape == (24, 30, 1)
    assert problem.guess.shape == (1, 24, 30, 1)


def test_a_mask_after_the_reduction_has_the_small_size(picture):
    mask = holes(4, 3)
    task = Compose(SuperResolve(2), Inpaint(mask))
    observed = task.prepare(picture(4, 3, 3)).observed
    np.testing.assert_array_equal(observed["known"][0], np.dstack([mask] * 3))
    assert observed["picture"][0][~mask].max() == 0
    x = picture(1, 8, 6, 3)
    error = (numbers(downsample(x, 2)) - observed["picture"]) * observed["known"]
    loss = numbers(task.data_term(x, observed))
    assert loss == pytest.approx(np.mean(error**2), rel=1e-4)


def test_what_a_reduction_mixes_with_a_hole_is_not_known(picture):
    mask = np.ones((8, 8), bool)
    mask[0, 0] = False
    task = Compose(Inpaint(mask), SuperResolve(2, kernel="box"))
    known = task.prepare(picture(4, 4, 1)).observed["known"][0, ..., 0]
    assert not known[0, 0]
    assert known.sum() == 15
    # The default kernel reaches two small pixels far, with lobes of either sign.
    task = Compose(Inpaint(mask), SuperResolve(2))
    known = task.prepare(picture(4, 4, 1)).observed["known"][0, ..., 0]
    hole, other = np.ones((2, 1, 8, 8, 1), "float32")
    hole[0, 0, 0] = 0
    moved = np.abs(numbers(task.degrade(hole)) - numbers(task.degrade(other)))[
        0, ..., 0
    ]
    np.testing.assert_array_equal(known > 0, moved < 1e-3)
    # What changes the light of all pixels makes none of them unknown.
    darker = Compose(Operator(lambda x: x / 2), Inpaint(mask))
    known = darker.prepare(picture(8, 8, 1)).observed["known"][0, ..., 0]
    np.testing.assert_array_equal(known, mask)
    with pytest.raises(ValueError, match="masks that leave known pixels"):
        Compose(Inpaint(holes(8, 8, 0.9)), SuperResolve(2)).prepare(picture(4, 4, 1))


@pytest.mark.parametrize(
    ("chain", "sigma", "rule"),
    [
        ([SuperResolve(2), Denoise(0.1)], 0.1, "fission"),
        ([Denoise(0.1), SuperResolve(2)], None, "wmv"),
        ([SuperResolve(2)], 0, "plateau"),
        ([SuperResolve(2), Denoise(noise="unknown")], None, "wmv"),
        ([Inpaint(holes(32, 32)), Denoise(0.1)], 0.1, "heldout"),
        ([SuperResolve(2), Inpaint(holes(32, 32))], 0, "plateau"),
        ([Inpaint(holes(32, 32)), Denoise()], None, "heldout"),
    ],
)
def test_noise_counts_where_it_came_last(picture, chain, sigma, rule):
    problem = Compose(*chain).prepare(picture(32, 32, 3))
    assert problem.sigma == sigma
    assert rule_for("auto", problem).name == rule


def test_tasks_with_operators_of_their_own_are_links_too(picture, tiny_network):
    chain = Compose(Deblur(gaussian=1.0), Demosaic("GRBG"), Denoise(0.1))
    problem = chain.prepare(picture(16, 14, 1))
    assert problem.shape == problem.guess.shape[1:] == (16, 14, 3)
    assert chain.degrade(picture(1, 16, 14, 3)).shape == (1, 16, 14, 1)
    assert problem.sigma == 0.1
    # Fission compares what A makes of the picture.
    network = tiny_network(16, 14)
    prior = DeepImagePrior(chain, network=network, steps=2, stop="fission")
    fit = prior.fit(picture(16, 14, 1))
    assert fit.image.shape == (16, 14, 3)


def test_a_chain_of_chains_is_a_chain(picture):
    mask = holes(4, 4)
    inner = Compose(Inpaint(mask), Denoise(0.1))
    outer = Compose(inner, Operator(lambda x: [x * 0.5]))
    assert [task.name for task in outer.chain] == ["inpaint", "denoise", "operator"]
    assert "mask" in outer.prepare(picture(4, 4, 3)).observed


def test_the_first_guess_looks_at_known_pixels_alone():
    mask = holes(6, 6)
    white = np.where(mask[..., np.newaxis], 0.5, 1.0).astype("float32")
    guess = Compose(Inpaint(mask)).prepare(white).guess
    np.testing.assert_allclose(guess, 0.5)


def test_an_end_of_another_shape_is_refused(picture):
    grey = Operator(lambda x: ops.mean(x, -1, keepdims=True))
    with pytest.raises(ValueError, match=r"\(4, 4, 3\) .* Received: \(4, 4, 1\)"):
        Compose(grey).prepare(picture(4, 4, 3))


def test_members_of_a_chain_with_held_out_pixels_have_an_uncertainty(
    picture, tiny_network
):
    chain = Compose(SuperResolve(2), Inpaint(holes(32, 32, 0.1)), Denoise(0.1))
    network = tiny_network(64, 64, 1)
    prior = DeepImagePrior(chain, network=network, steps=1, members=2)
    fit = prior.fit(picture(32, 32, 1)[..., 0])
    assert fit.uncertainty.shape == fit.image.shape == (64, 64)


def test_discrepancy_counts_what_is_seen(picture):
    problem = Compose(Inpaint(holes(32, 32, 0.5)), Denoise(0.1)).prepare(
        picture(32, 32, 3)
    )
    rule = rule_for("discrepancy", problem)
    rule.hold_back(problem, np.random.default_rng(0))
    assert rule.variance == pytest.approx(0.01 * problem.observed["mask"].mean())


def test_impulses_at_the_end_cost_their_absolute_value(picture):
    task, x = Compose(Denoise(noise="impulse")), picture(1, 4, 4, 3, seed=1)
    observed = task.prepare(picture(4, 4, 3)).observed
    loss = numbers(task.data_term(x, observed))
    assert loss == pytest.approx(np.abs(x - observed["picture"]).mean(), rel=1e-4)


def test_a_small_picture_with_holes_is_enlarged_and_filled(small_skip):
    clean = astronaut()[60:124, 200:264] / np.float32(255)
    small = numbers(downsample(clean[np.newaxis], 2))[0]
    mask = holes(32, 32)
    task = Compose(SuperResolve(2), Inpaint(mask))
    damaged = np.where(mask[..., np.newaxis], small, 0)
    restoration = DeepImagePrior(task, network=small_skip, steps=150).fit(damaged)
    guess = task.prepare(damaged).guess[0]
    assert psnr(restoration.image, clean) > psnr(guess, clean) + 4
    chain = restoration.settings["task_options"]["chain"]
    assert [part["task"] for part in chain] == ["super_resolve", "inpaint"]


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([], "one task or more. Received: none"),
        (["denoise"], "one after the other. Received: 'denoise'"),
        ([Enhance()], "Received: 'enhance' with"),
        ([Inpaint()], "Received: 'inpaint' with .*alpha"),
        ([Denoise(noise="poisson")], "Received: 'denoise' with .*poisson"),
        ([Operator(lambda x: [x, x], more=[np.zeros((4, 4))])], "'operator' with"),
    ],
)
def test_what_cannot_be_part_of_a_chain(chain, message):
    with pytest.raises(ValueError, match=message):
        Compose(*chain)


def test_a_mask_of_another_size(picture):
    with pytest.raises(ValueError, match=r"mask of 4 x 4 pixels.* \(8, 8, 1\)"):
        Compose(SuperResolve(2), Inpaint(holes(8, 8))).prepare(picture(4, 4, 3))
