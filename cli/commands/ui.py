"""keras-dip ui: a page in the browser on which a picture is restored."""

from __future__ import annotations

from importlib.util import find_spec

import click

from keras_dip.cli import options
from keras_dip.cli.messages import Messages
from keras_dip.errors import KerasDipError

MOST_PIXELS = 2048 * 2048


@options.with_params(options.verb_options())
@click.command("ui", short_help="Restore a picture in the browser, and watch.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Where the page is, on this machine. [default: the first that is free from "
    "7860 on]",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in the browser.")
@click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=MOST_PIXELS,
    show_default=True,
    help="Pixels that a picture may have, also the restored one.",
)
@click.pass_obj
def command(
    messages: Messages, port: int | None, no_browser: bool, max_pixels: int
) -> int:
    """Open a page on which a picture is restored while you watch.

    Drop a picture, choose a task, paint over what is to be filled; stop when it
    pleases, compare, and download the picture and its ONNX file. The page is for this
    machine alone (127.0.0.1): nothing is sent, nothing is fetched. Ctrl-C ends it.
    Needs: pip install 'keras_dip[ui]'
    """
    if find_spec("gradio") is None:
        raise KerasDipError(
            "Expected gradio for the live page. Received: it is not installed; "
            "pip install 'keras_dip[ui]' does that."
        )
    from keras_dip.cli.ui.server import serve

    serve(
        port=port,
        open_browser=not no_browser,
        most_pixels=max_pixels,
        messages=messages,
    )
    return 0
