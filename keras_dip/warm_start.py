"""Where a fit may begin: with the weights of an earlier one, as of the frame before."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_dip import keras_files
from keras_dip.restoration import Restoration

Weights = list[list[np.ndarray]]
"""For each member the values of all weights of its network."""


def weights_of(start: Any) -> Weights:
    """Return the weights that a restoration, or a file of one, ended with.

    Args:
        start: a `Restoration`, or the path of a `.keras` file that
            `Restoration.export` wrote.

    Raises:
        ValueError: if it is neither.
        KerasDipError: if the file cannot be read.
    """
    if isinstance(start, Restoration):
        if start.tiles is not None:
            raise ValueError(
                "Expected warm_start as a restoration that was fitted as a whole. "
                f"Received: one of {len(start.tiles.fitted)} tiles"
            )
        network = start.source.network
    elif isinstance(start, (str, os.PathLike)):
        network = keras_files.load(start)
    else:
        raise ValueError(
            "Expected warm_start as a Restoration, or the path of a .keras file. "
            f"Received: an object of type {type(start).__name__}"
        )
    members = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    is_mean = network.name == "mean" and members
    return [member.get_weights() for member in (members if is_mean else [network])]


def begin_with(network: keras.Model, start: Weights, member: int) -> None:
    """Give a network the weights of a member of the start; of its first for one more.

    Raises:
        ValueError: if they are those of another network.
    """
    weights: Sequence[np.ndarray] = start[member if member < len(start) else 0]
    theirs, ours = ([w.shape for w in x] for x in (weights, network.get_weights()))
    if theirs != ours:
        raise ValueError(
            "Expected a warm start from a fit with the same network and number of "
            f"channels, {len(ours)} weights of {_count(ours)} numbers. "
            f"Received: {len(theirs)} weights of {_count(theirs)} numbers"
        )
    network.set_weights(weights)


def _count(shapes: Sequence[tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes)
