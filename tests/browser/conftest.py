"""Pages in a real browser: the Chromium of the system, driven by Playwright.

It is looked for on the PATH, or is what `$KERAS_DIP_CHROMIUM` names; where there is
none, or no Playwright, these tests are skipped and say so.
"""

import os
import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
OWN = ("file:", "data:", "blob:", "about:")


def chromium_path():
    """Return the browser's program, or None."""
    given = os.environ.get("KERAS_DIP_CHROMIUM")
    if given:
        return given
    return next((path for path in map(shutil.which, NAMES) if path), None)


@pytest.fixture(scope="session")
def chromium():
    """Start the browser once for all tests."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="needs Playwright (pip install playwright)"
    )
    path = chromium_path()
    if path is None:
        pytest.skip("needs Chromium on the PATH, or $KERAS_DIP_CHROMIUM")
    # As root, as in a container, Chromium has no sandbox.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if is_root else [])]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page, what it said on its console, and what it asked for.

    `requests` are the addresses that it asked for, but for files and data of its own.
    """

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def visit(chromium):
    """Open addresses, in a window of some size and a light or a dark scheme."""
    contexts = []

    def open_page(url, *, width=1280, height=900, scheme="light", **options):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            **options,
        )
        contexts.append(context)
        visited = Visit(context.new_page())
        page = visited.page

        def noted(message):
            if message.type in ("error", "warning"):
                visited.errors.append(message.text)

        def asked(request):
            if not request.url.startswith(OWN):
                visited.requests.append(request.url)

        page.on("console", noted)
        page.on("pageerror", lambda error: visited.errors.append(str(error)))
        page.on("request", asked)
        page.goto(url)
        return visited

    yield open_page
    for context in contexts:
        context.close()
