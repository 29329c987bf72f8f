"""What the diagram says of networks whose shape is known."""

import pytest

from keras_dip import models
from keras_dip.report.network_diagram import diagram_of, levels_of, parts_of


def sizes(levels):
    return [(level.height, level.width) for level in levels]


def test_the_skip_network_goes_down_across_and_up():
    network = models.build(
        "skip",
        (48, 64),
        input_channels=8,
        output_channels=3,
        down_channels=(16, 32),
        up_channels=(16, 24),
        skip_channels=(4, 5),
    )
    levels = levels_of(network)

    assert sizes(levels) == [(48, 64), (24, 32), (12, 16)]
    finest, middle, coarsest = levels
    assert (finest.down.convolutions, middle.down.channels) == (0, 16)
    assert (finest.across.channels, middle.across.channels) == (4, 5)
    # Two convolutions on the way up; at the finest scale the output's is the third.
    assert (finest.up.convolutions, finest.up.channels) == (3, 3)
    assert (middle.up.convolutions, middle.up.channels) == (2, 24)
    assert (coarsest.down.convolutions, coarsest.down.channels) == (2, 32)
    assert coarsest.up.convolutions == coarsest.across.convolutions == 0


def test_the_u_net_copies_what_goes_across():
    network = models.build("unet", (64, 64), input_channels=8, output_channels=3)
    levels = levels_of(network)
    assert len(levels) == 6 and all(level.copied for level in levels[:-1])


@pytest.mark.parametrize("name", models.names())
def test_every_network_has_a_diagram_or_none(name):
    channels = 3 if name == "pixels" else 8
    network = models.build(name, (48, 64), input_channels=channels, output_channels=3)
    levels = levels_of(network)
    if name == "pixels":
        assert levels == []
        return
    convolutions = sum(
        side.convolutions
        for level in levels
        for side in (level.down, level.across, level.up)
    )
    layers = [layer for layer in network.layers if "Conv" in type(layer).__name__]
    assert convolutions == len(layers)
    diagram = diagram_of(levels, network.input_shape[1:], network.output_shape[1:])
    assert all(0 <= box.left <= box.left + box.width <= 480 for box in diagram.boxes)
    assert all(box.bottom <= diagram.height for box in diagram.boxes)


def test_sequential_and_subclassed_models(tiny_network):
    import keras

    chain = keras.Sequential(
        [
            keras.Input((8, 9, 2)),
            keras.layers.Conv2D(4, 3, padding="same"),
            keras.layers.UpSampling2D(),
            keras.layers.Conv2D(3, 1),
        ]
    )
    assert [(x.up.channels, x.down.channels) for x in levels_of(chain)] == [
        (3, 0),
        (0, 4),
    ]

    class Own(keras.Model):
        def call(self, x):
            return x

    assert levels_of(Own()) == []


def test_of_a_mean_one_network_is_drawn(tiny_network):
    from keras_dip.models.copies import mean_of

    networks = [tiny_network(8, 8, seed=seed) for seed in (1, 2)]
    part, count = parts_of(mean_of(networks))
    assert part is networks[0] and count == 2
    assert parts_of(networks[0]) == (networks[0], 1)
