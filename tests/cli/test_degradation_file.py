"""keras-dip restore: degradations written down in a file."""

import numpy as np
import pytest
from PIL import Image

ARGUMENTS = ("restore", "in.png", "-o", "out.png", "--degradation", "damage.toml")
GOOD = """
[[degradation]]
task = "super-resolve"
factor = 2

[[degradation]]
task = "inpaint"
mask = "mask.png"
keep-known = true

[[degradation]]
task = "denoise"
sigma = 51
"""


@pytest.fixture
def mask(folder):
    known = np.random.default_rng(0).uniform(size=(6, 8)) > 0.3
    Image.fromarray(known.astype("uint8") * 255).save(folder / "mask.png")
    return known


def test_the_file_becomes_a_chain_of_tasks(cli, prior, picture, folder, mask):
    picture()
    (folder / "damage.toml").write_text(GOOD)

    ran = cli(*ARGUMENTS)

    assert ran.code == 0, ran.err
    enlarge, fill, denoise = prior.made[0].task.chain
    assert enlarge.factor == 2
    np.testing.assert_array_equal(fill.mask[..., 0], mask)
    assert fill.keep_known
    assert denoise.sigma == 0.2
    assert ran.err.startswith("restore: ")  # the verb, not the class
    assert (folder / "out.png").exists()


def test_files_are_looked_for_beside_it_and_never_written_over(
    cli, prior, picture, folder, mask
):
    picture()
    (folder / "deep").mkdir()
    (folder / "mask.png").rename(folder / "deep/mask.png")
    (folder / "deep/damage.toml").write_text(GOOD)
    before = (folder / "deep/mask.png").read_bytes()

    arguments = (*ARGUMENTS[:-1], "deep/damage.toml")
    assert cli(*arguments).code == 0
    over = list(arguments)
    over[3] = "deep/mask.png"
    ran = cli(*over, "--force")

    assert ran.code == 1 and ran.err.count("\n") == 1
    assert (folder / "deep/mask.png").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("degradation = 3", "Expected tables [[degradation]]"),
        ("", "Received: nothing"),
        ("[[degradation", "Expected a TOML file"),
        ("[[degradation]]\nfactor = 2", "Expected task = one of"),
        ('[[degradation]]\ntask = "sharpen"', "Received: 'sharpen'"),
        ('[[degradation]]\ntask = "restore"', "Received: 'restore'"),
        (
            '[[degradation]]\ntask = "super-resolve"',
            "Expected factor for super-",
        ),
        ('[[degradation]]\ntask = "denoise"\nlevel = 3', "Received: 'level'"),
        ('[[degradation]]\ntask = "denoise"\nsigma = 300', "denoise in 'damage.toml'"),
        ('[[degradation]]\ntask = "denoise"\nsigma = "x"', "denoise in 'damage.toml'"),
        ('[[degradation]]\ntask = ["inpaint"]', "Received: ['inpaint']"),
        ('[[degradation]]\ntask = "denoise"\nsigma = true', "as a levels in"),
        (
            '[[degradation]]\ntask = "inpaint"\ninvert-mask = "false"',
            "Expected invert_mask as true or false",
        ),
        ('[[degradation]]\ntask = "inpaint"\nmask = 3', "as the name of a file"),
        ('[[degradation]]\ntask = "inpaint"\nmask = "no.png"', "no.png"),
        ('[[degradation]]\ntask = "enhance"', "Received: 'enhance'"),
        ("\x80", "damage.toml"),
    ],
)
def test_a_file_that_is_wrong(cli, prior, picture, folder, text, message):
    picture()
    (folder / "damage.toml").write_text(text, "latin-1")

    ran = cli(*ARGUMENTS)

    assert ran.code in (1, 2) and message in ran.err
    assert "Traceback" not in ran.err
    assert prior.made == [] and not (folder / "out.png").exists()


def test_a_file_that_is_not_there(cli, prior, picture):
    picture()
    ran = cli(*ARGUMENTS)
    assert ran.code == 1 and "'damage.toml'" in ran.err
