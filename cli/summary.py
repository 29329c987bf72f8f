"""What came of a restoration, in the end: a line, on a terminal a table, or JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from keras_dip.cli.messages import Messages
from keras_dip.cli.progress import clock

if TYPE_CHECKING:
    import numpy as np

    from keras_dip.batch.manifest import Entry
    from keras_dip.restoration import Restoration

PREVIEW_COLUMNS = 40


def summarise(
    restoration: Restoration,
    psnr: float | None,
    wrote: Sequence[str],
    messages: Messages,
) -> None:
    """Tell how a fit went and what was written.

    Args:
        restoration: What came of it.
        psnr: In dB, or None where no reference is known.
        wrote: The files and folders.
        messages: Where to speak.
    """
    if restoration.stopped_by != "steps":
        messages.note(restoration.stop_reason)
    members = restoration.settings.get("members", 1)
    of_all = f" of {members} members" if members > 1 else ""
    facts = [("steps", f"{restoration.steps} steps{of_all}", str(restoration.steps))]
    time = _time(restoration)
    facts += [("time", f"in {time}", time)]
    if restoration.stopped_by != "steps":
        ending = f"stopped by {restoration.stopped_by}"
        facts.append(("stopped by", ending, restoration.stopped_by))
    best = str(restoration.best_step)
    facts.append(("best step", f"best step {best}", best))
    if psnr is not None:
        facts.append(("PSNR", f"PSNR {psnr:.2f} dB", f"{psnr:.2f} dB"))
    names = [name_of(path) for path in wrote]
    if names:
        facts.append(("wrote", "wrote " + " and ".join(names), "\n".join(names)))
    if is_terminal() and not messages.quiet:
        _print_table([(name, cell) for name, _, cell in facts])
        show_preview(restoration.image)
    else:
        (_, steps, _), (_, time, _), *others = facts
        phrases = [f"{steps} {time}", *(phrase for _, phrase, _ in others)]
        messages.note(", ".join(phrases))
    for name, value in restoration.settings.items():
        messages.detail(f"  {name}: {value}")


def _time(restoration: Restoration) -> str:
    """Return how long it took, and what of that was compiling if it was a good part."""
    compiling = restoration.compile_seconds
    whole = clock(restoration.seconds)
    if compiling < max(1, restoration.seconds / 10):
        return whole
    return f"{whole} ({clock(compiling)} of it to compile the step)"


def is_terminal() -> bool:
    """Tell whether a person looks at standard error."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def show_preview(image: np.ndarray) -> None:
    """Show a small picture where the terminal can (kitty's protocol, Sixel).

    Args:
        image: [H, W] or [H, W, C], floats in [0, 1].
    """
    renderable = _renderable()
    if renderable is None or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        return
    from PIL import Image
    from rich.console import Console

    from keras_dip.images.convert import quantise

    pixels = quantise(image.squeeze(), "uint8")
    Console().print(renderable(Image.fromarray(pixels), width=PREVIEW_COLUMNS))


def print_json(entry: Entry) -> None:
    """Print a line of JSON on standard output, with the fields of the manifest."""
    facts = dataclasses.asdict(entry)
    psnr = entry.psnr
    if psnr is not None and not math.isfinite(psnr):  # JSON has no infinity
        facts["psnr"] = None
    click.echo(json.dumps(facts))


def name_of(path: str) -> str:
    """Return a path as a line can show it, whatever its bytes are."""
    if path == "-":
        return "standard output"
    return path if path.isprintable() else ascii(path)


def _print_table(rows: Sequence[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, cell in rows:
        table.add_row(name, Text(cell))
    Console(stderr=True).print(table)


def _renderable() -> Callable[..., object] | None:
    """Return what shows pictures in this terminal, or None (extra 'terminal')."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return None  # the terminal is asked through these
    try:
        from textual_image import renderable
    except ImportError:
        return None
    found = renderable.Image
    # Blocks of colour are no picture to judge a restoration by.
    return found if found in (renderable.SixelImage, renderable.TGPImage) else None
