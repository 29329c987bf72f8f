"""Verbs that read a Keras model."""

import keras
import pytest

ARGUMENTS = ("feature-inversion", "in.png", "-o", "out.png", "--model", "net.keras")


@pytest.fixture
def model(folder):
    z = keras.Input((6, 8, 3))
    made = keras.Model(z, keras.layers.Conv2D(2, 3, name="conv")(z))
    made.save(folder / "net.keras")


def test_a_saved_model_is_loaded(cli, prior, picture, model, folder):
    picture()
    ran = cli(*ARGUMENTS, "--layer", "conv")
    assert ran.code == 0, ran.err
    assert prior.made[0].task.phi.output_shape == (None, 4, 6, 2)
    ran = cli(
        "activation-maximization", *ARGUMENTS[1:], "--force",
        "--layer", "conv", "--unit", "1",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert prior.made[1].task.unit == 1


def test_a_model_is_never_written_over(cli, prior, picture, model, folder):
    picture()
    (folder / "net.keras").rename(folder / "net.png")
    before = (folder / "net.png").read_bytes()
    ran = cli(
        *ARGUMENTS[:3], "net.png", "--model", "net.png", "--layer", "conv", "--force"
    )
    assert ran.code == 1 and (folder / "net.png").read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_file_that_is_no_model(cli, prior, picture, folder, content):
    picture()
    if content is not None:
        (folder / "net.keras").write_bytes(content)
    ran = cli(*ARGUMENTS, "--layer", "conv")
    assert ran.code == 1 and ran.err.count("\n") == 1, ran.err
    assert "saved as .keras. Received: 'net.keras'" in ran.err


def test_a_layer_that_there_is_not(cli, prior, picture, model):
    picture()
    ran = cli(*ARGUMENTS, "--layer", "dense")
    assert ran.code == 2 and "Received: 'dense'" in ran.err
