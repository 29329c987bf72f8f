"""keras-dip bench: what a fit costs on this machine."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from keras_dip.cli import options
from keras_dip.cli.gpu_table import gpu_lines
from keras_dip.cli.messages import Messages


@options.with_params(
    [options.device_option(), options.force_option(), *options.verb_options()]
)
@click.command("bench", short_help="Measure what a fit costs on this machine.")
@click.option(
    "--size",
    "sizes",
    type=click.IntRange(min=32),
    multiple=True,
    metavar="N",
    help="Side of the picture in pixels; may be given several times. [default: 256; "
    "with --gpu 256, 512, 1024 and 2048]",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="How many steps are measured for each figure. [default: 8; with --gpu 100]",
)
@click.option(
    "--gpu",
    is_flag=True,
    help="Measure the GPU instead: steps by size and precision, TFLOP/s, memory, the "
    "time to PSNR marks, pictures per minute. With --device cpu the same of the CPU.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="With --gpu: begin nothing that would take longer. [default: 7]",
)
@click.option(
    "--json",
    "output",
    type=options.FILE,
    metavar="FILE",
    help="Also write everything as JSON.",
)
@click.pass_obj
def command(
    messages: Messages,
    sizes: tuple[int, ...],
    steps: int | None,
    gpu: bool,
    minutes: float | None,
    output: str | None,
    device: str | None,
    force: bool,
) -> None:
    """Measure steps of a fit, a whole one, the start of the command, a regeneration.

    A step of the default preset for denoising is compared with one of the paper's, and
    that with one of Keras' own batch normalisation and Adam in place of ours, each as
    the median of several calls of one fit after a warm-up. Figures hold for this
    machine and this hour; compare the ratios. Takes two or three minutes on a small
    machine, and about four times as long with --size 512.
    """
    if minutes is not None and not gpu:
        raise click.UsageError("Expected --gpu beside --minutes. Received: none.")
    from keras_dip import images
    from keras_dip.cli.fit import hide_gpus, hushed_tensorflow

    def check_output() -> None:
        if output:
            images.check_output(output, force=force, suffixes=(".json",))

    def tell(what: str) -> None:
        messages.note(f"bench: measuring {what}")

    given = {"count": steps, "minutes": minutes}
    asked = {name: value for name, value in given.items() if value is not None}
    check_output()
    messages.note("bench: starting Keras")
    hide_gpus(device)
    with contextlib.redirect_stdout(sys.stderr):
        with hushed_tensorflow(messages):
            measure = _measure_of(gpu)
        try:
            measured = measure(list(sizes), device=device, tell=tell, **asked)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    for line in gpu_lines(measured) if gpu else lines(measured):
        click.echo(line)
    if output:
        check_output()
        data = json.dumps(measured, indent=2).encode()
        images.atomic_write(output, lambda file: file.write(data))
        messages.note(f"wrote {output}")


def _measure_of(gpu: bool) -> Callable[..., dict[str, Any]]:
    """Return what measures; Keras is imported here."""
    if gpu:
        from keras_dip.gpu_benchmark import measure as measure_gpu

        return measure_gpu
    from keras_dip.benchmark import measure

    return measure


def lines(measured: dict[str, Any]) -> list[str]:
    """Return what was measured as lines for a person."""
    machine = measured["machine"]
    told = [f"{machine['device']}, {machine['cpus']} CPU cores, {machine['system']}"]
    for steps in measured["steps"]:
        fast, preset = steps["preset_seconds"], steps["preset"]
        told += [
            f"{steps['size']}x{steps['size']} pixels, one step of a fit:",
            _line(preset, fast, ""),
            _line("paper", steps["paper_seconds"], f"{preset} x", fast),
            _line(
                "paper, plain Keras",
                steps["plain_paper_seconds"],
                "paper x",
                steps["paper_seconds"],
            ),
        ]
    size = measured["regenerate"]["size"]
    reached = measured["quality"]
    return [
        *told,
        f"{reached['size']}x{reached['size']} pixels, a fit of the default preset from "
        f"{reached['psnr_before']:.2f} to {reached['psnr']:.2f} dB:",
        _line("within 0.1 dB of it", reached["seconds_to_quality"], ""),
        _line("whole", reached["seconds"], ""),
        "commands, from start to exit:",
        _line("keras-dip --help", measured["help_seconds"], ""),
        _line(f"regenerate {size}x{size}", measured["regenerate"]["seconds"], ""),
    ]


def _line(what: str, seconds: float, than: str, other: float = 1.0) -> str:
    ratio = f"  = {than} {seconds / other:.2f}" if than else ""
    return f"  {what:<22}{seconds * 1000:>9.1f} ms{ratio}"
