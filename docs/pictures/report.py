"""Make the picture of the report: python docs/pictures/report.py [PAGE].

PAGE is the report of `keras-dip demo`, which is run where it is not given. Needs
Playwright and a Chromium on the PATH or in $KERAS_DIP_CHROMIUM.
"""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from keras_dip.cli import main

WIDE, PHONE, WINDOW = 1160, 390, 760  # pixels of the window
HEIGHT = 1560  # pixels of the page that are shown
GAP, SCALE = 24, 0.62


def shots(page: Path) -> list[Image.Image]:
    """Return the page on a desk in the light, and on a phone in the dark."""
    program = os.environ.get("KERAS_DIP_CHROMIUM") or shutil.which("chromium")
    taken = []
    with sync_playwright() as playwright:
        # Nothing but our own page is opened.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        for width, scheme in ((WIDE, "light"), (PHONE, "dark")):
            tab = browser.new_page(
                viewport={"width": width, "height": WINDOW}, color_scheme=scheme
            )
            tab.goto(page.resolve().as_uri())
            shot = Image.open(io.BytesIO(tab.screenshot(full_page=True)))
            taken.append(shot.convert("RGB").crop((0, 0, width, HEIGHT)))
        browser.close()
    return taken


def make(page: Path) -> None:
    """Write report.webp beside this file."""
    wide, phone = shots(page)
    together = Image.new("RGB", (WIDE + GAP + PHONE, HEIGHT), "white")
    together.paste(wide, (0, 0))
    together.paste(phone, (WIDE + GAP, 0))
    size = (round(together.width * SCALE), round(together.height * SCALE))
    reduced = together.resize(size, Image.Resampling.LANCZOS)
    reduced.save(Path(__file__).with_name("report.webp"), quality=82, method=6)


if __name__ == "__main__":
    if sys.argv[1:]:
        make(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(["demo", "--folder", folder])
            make(Path(folder, "demo.html"))
