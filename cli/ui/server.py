"""The server of the live page: for this machine alone, and without a word to others."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_dip.cli.messages import Messages
from keras_dip.cli.ui.job import TURNS
from keras_dip.errors import KerasDipError

HOST = "127.0.0.1"
"""The only address: of this machine, and reached from nowhere else."""

NAMES = (HOST, "localhost")
"""What a browser may call it; a page from elsewhere cannot pass itself off as it."""

FIRST_PORT, PORTS = 7860, 100
PATIENCE = 20.0
"""Seconds that a fit gets to end: a step, and what finishes the picture."""

MAX_FILE_SIZE = "200mb"


def serve(
    *, port: int | None, open_browser: bool, most_pixels: int, messages: Messages
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        port: Where; None for the first that is free from 7860 on.
        open_browser: Whether to open the page.
        most_pixels: Pixels that a picture may have.
        messages: Where to speak.

    Raises:
        KerasDipError: If the port is taken.
    """
    port = free_port(port)
    with tempfile.TemporaryDirectory(
        prefix="keras-dip-ui-", ignore_cleanup_errors=True
    ) as folder:
        made, served = Path(folder, "made"), Path(folder, "served")
        made.mkdir()
        os.environ.update(_settings(str(served)))  # read where gradio is imported
        from keras_dip.cli.ui.page import Page

        page = Page(made, most_pixels, messages)
        with _launched(page, port, open_browser) as url:
            messages.note(f"The live page is at {url} (Ctrl-C ends it)")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
            messages.note("Ending.")


def free_port(port: int | None) -> int:
    """Return a port that is free: this one, or the first from 7860 on."""
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    for number in wanted:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, number))
            return number
    what = f"port {port}" if port is not None else f"ports {FIRST_PORT} and after"
    raise KerasDipError(
        f"Expected a free port; another one with --port. Received: {what}, in use."
    )


def _settings(folder: str) -> dict[str, str]:
    """Return the environment that gradio is to find."""
    return {
        "GRADIO_ANALYTICS_ENABLED": "False",  # also its check for a newer version
        "GRADIO_SHARE": "False",
        "GRADIO_TEMP_DIR": folder,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        # It asks its own server whether it is there: not by way of a proxy.
        "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), *NAMES))),
        "no_proxy": ",".join(filter(None, (os.environ.get("no_proxy"), *NAMES))),
    }


def is_worth_telling(record: logging.LogRecord) -> bool:
    """Tell whether what the server logs is more than a page that was closed."""
    from starlette.requests import ClientDisconnect

    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, ClientDisconnect)


@contextlib.contextmanager
def _launched(page: Any, port: int, open_browser: bool) -> Iterator[str]:
    """Serve a page; at the end also end what it does."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from keras_dip.cli.ui.page import script, style, theme

    guard = Middleware(TrustedHostMiddleware, allowed_hosts=list(NAMES))
    logging.getLogger("uvicorn.error").addFilter(is_worth_telling)
    page.blocks.queue(api_open=False)
    _, url, _ = page.blocks.launch(
        server_name=HOST,
        server_port=port,
        inbrowser=open_browser,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        max_file_size=MAX_FILE_SIZE,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        app_kwargs={"middleware": [guard]},
        theme=theme(),
        css=style(),
        js=script(),
    )
    try:
        yield url
    finally:
        page.visits.leave_all()
        TURNS.wait_for_all(PATIENCE)
        page.blocks.close(verbose=False)
