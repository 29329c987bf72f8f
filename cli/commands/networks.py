"""keras-dip networks: the shapes a network can have, and how large each is."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any

import click

from keras_dip.cli import options
from keras_dip.cli.messages import Messages


@options.with_params(options.verb_options())
@click.command("networks", short_help="List the networks and how large they are.")
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    metavar="N",
    help="Side of a square colour picture in pixels.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_obj
def command(messages: Messages, size: int, as_json: bool) -> None:
    """List what --network takes, each as it is without a preset.

    Weights are the numbers that a fit changes; z is the network's input, height x
    width x channels. Presets make smaller or larger ones of some of them.
    """
    rows = _measured(messages, size)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    heading = {"name": "network", "weights": "weights", "z": "z", "summary": ""}
    texts = [heading, *(_texts(row) for row in rows)]
    widths = {key: max(len(text[key]) for text in texts) for key in heading}
    for text in texts:
        line = (
            f"{text['name']:<{widths['name']}}  {text['weights']:>{widths['weights']}}"
            f"  {text['z']:<{widths['z']}}  {text['summary']}"
        )
        click.echo(line.rstrip())


def _measured(messages: Messages, size: int) -> list[dict[str, Any]]:
    """Build each network and return what it comes to."""
    from keras_dip import models
    from keras_dip.cli.fit import hushed_tensorflow

    rows = []
    with contextlib.redirect_stdout(sys.stderr), hushed_tensorflow(messages):
        for name in models.names():
            network = models.build(name, (size, size), output_channels=3)
            count = sum(math.prod(w.shape) for w in network.trainable_weights)
            z = list(network.input_shape[1:])
            summary = models.network(name).summary
            rows.append({"name": name, "weights": count, "z": z, "summary": summary})
    return rows


def _texts(row: dict[str, Any]) -> dict[str, str]:
    z = "x".join(map(str, row["z"]))
    return {**row, "weights": f"{row['weights']:,}", "z": z}
