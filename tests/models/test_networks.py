"""What is known of the networks without building them."""

import subprocess
import sys

import numpy as np
import pytest

from keras_dip import models


def test_names():
    assert models.names() == [
        *["skip", "hourglass", "unet", "resnet", "deep_decoder", "conv_decoder"],
        "pixels",
    ]


@pytest.mark.parametrize("name", models.names())
def test_a_network_is_built_from_its_effective_options(name):
    options = models.effective_options(name, {})
    first = models.build(name, (33, 40), seed=2)
    again = models.build(name, (33, 40), seed=2, **options)
    assert first.name == name
    assert first.output_shape == (None, 33, 40, 3)
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    sized = {"input_channels", "output_channels", "dtype", "seed", "name"}
    assert not sized & options.keys()


def test_effective_options_are_the_defaults_and_what_was_given():
    assert models.effective_options("resnet", {"blocks": 3}) == {
        "blocks": 3,
        "block_channels": 32,
        "residual": True,
        "padding": "reflect",
        "activation": "leaky_relu",
        "sigmoid": True,
    }
    hourglass = models.effective_options("hourglass", {"skip_channels": (4,)})
    assert hourglass["skip_channels"] == 0
    assert models.effective_options("pixels", {}) == {}


def test_the_facts_are_plain_data():
    code = "import sys; from keras_dip import models; models.network('unet'); "
    code += "print('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_no_option_of_another_network_is_taken():
    with pytest.raises(TypeError, match="skip_channels"):
        models.build("unet", (16, 16), skip_channels=(4,))
