"""keras-dip info: what an ONNX file says about its restoration."""

from __future__ import annotations

import json
from typing import Any

import click

from keras_dip.cli import options
from keras_dip.cli.options import GREY_LEVELS

LONGEST = 200  # characters of a task's option


@options.with_params(options.verb_options())
@click.command("info", short_help="Tell how the picture of an ONNX file was made.")
@click.argument("file", metavar="FILE.onnx", type=options.FILE)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(file: str, as_json: bool) -> None:
    """Tell what FILE.onnx holds: the task, the picture's size, how it was fitted."""
    from keras_dip.onnx_io.regenerate import info

    fields = info(file)
    if as_json:
        click.echo(json.dumps(fields, indent=2))
        return
    rows = _rows(fields)
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {text}")


def _rows(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of each line, in the order a person would ask."""
    latent = fields["latent"]
    within = "contains" if latent["contains_picture"] else "does not contain"
    settings = fields["settings"]
    return [
        ("task", fields["task"].replace("_", "-") + _options_of(settings)),
        ("picture", f"{_size(fields['shape'])}, made from {fields['source_dtype']}"),
        ("preset", str(settings.get("preset", "unknown"))),
        ("steps", f"{fields['steps']}, the picture is that of {fields['best_step']}"),
        *_fit(settings),
        ("seed", str(fields["seed"])),
        ("network", _network(fields)),
        (
            "input z",
            f"{latent['kind']}, {_times(fields['z_shape'])} {fields['z_dtype']}, "
            f"{within} the degraded picture",
        ),
        ("known pixels", f"{'' if fields['pastes_known'] else 'not '}in the file"),
        ("file", _file(fields)),
        ("made with", ", ".join(f"{k} {v}" for k, v in fields["versions"].items())),
    ]


def _fit(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines about the fit that not every file has."""
    rows = []
    if "stop" in settings:
        rows.append(("stopping rule", settings["stop"]))
    if settings.get("members", 1) > 1:
        rows.append(("members", str(settings["members"])))
    if settings.get("noise_sigma"):
        levels = settings["noise_sigma"] * GREY_LEVELS
        rows.append(("noise", f"sigma {levels:.1f} grey levels of {GREY_LEVELS}"))
    tiles = settings.get("tiles")
    if isinstance(tiles, dict) and all(
        isinstance(tiles.get(name), list) for name in ("side", "tops", "lefts")
    ):
        count = len(tiles["tops"]) * len(tiles["lefts"])
        rows.append(("tiles", f"{count}, of {_times(tiles['side'][::-1])} pixels"))
    if settings.get("blend"):
        rows.append(("blend", f"{settings['blend']:g} of the input"))
    return rows


def _options_of(settings: dict[str, Any]) -> str:
    given = settings.get("task_options") or {}
    texts = [f"{name} {_short(v)}" for name, v in given.items() if v is not None]
    return f" ({', '.join(texts)})" if texts else ""


def _short(value: Any) -> str:
    """Return a value in words; of a long list, such as JPEG's tables, its size."""
    text = str(value)
    if len(text) <= LONGEST or not isinstance(value, list):
        return text
    sides: list[int] = []
    inner: Any = value
    while isinstance(inner, list):
        sides.append(len(inner))
        inner = inner[0] if inner else None
    return f"of {_times(sides)}"


def _size(shape: list[int]) -> str:
    height, width, *channels = shape
    kind = {1: "grey", 3: "colour"}
    count = channels[0] if channels else 1
    return f"{width}x{height} pixels, {kind.get(count, f'{count} channels')}"


def _network(fields: dict[str, Any]) -> str:
    network = fields["network"]
    name = network.get("name") if isinstance(network, dict) else network
    return f"{name}, {fields['weights']:,} weights"


def _times(shape: list[int]) -> str:
    return "x".join(str(length) for length in shape)


def _file(fields: dict[str, Any]) -> str:
    megabytes = fields["file_size"] / 1e6
    weights = "float16" if fields["half"] else "float32"
    return (
        f"{megabytes:.2f} MB, {weights} weights, ONNX operators {fields['opset']}, "
        f"format {fields['format_version']}"
    )
