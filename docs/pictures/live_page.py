"""Make the picture of the live page: python docs/pictures/live_page.py.

The sample of `keras-dip demo` is restored on it. Needs the extra [ui], Playwright and a
Chromium on the PATH or in $KERAS_DIP_CHROMIUM.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from keras_dip import images
from keras_dip.cli.commands.demo import add_noise, sample_picture

WIDE, PHONE, WINDOW = 1240, 390, 980  # pixels of the window
GAP, SCALE, MINUTES = 24, 0.62, 10 * 60_000
RUN = "import sys; from keras_dip.cli import main; sys.exit(main(sys.argv[1:]))"


def shot(
    browser: Browser, address: str, noisy: Path, width: int, scheme: str
) -> Image.Image:
    """Restore the picture in a window of some width; return what that looks like."""
    tab = browser.new_page(
        viewport={"width": width, "height": WINDOW}, color_scheme=scheme
    )
    tab.set_default_timeout(MINUTES)
    tab.goto(address)
    tab.set_input_files("#kd-source input[type=file]", noisy)
    tab.locator("#kd-given img").wait_for()
    tab.locator("#kd-start").click()
    tab.locator("#kd-download-onnx").wait_for()
    tab.get_by_text("Restored", exact=True).wait_for()
    tab.locator("#kd-slider img").last.wait_for()
    tab.wait_for_function("!document.querySelector('#kd-start').disabled")
    tab.wait_for_function("!document.getAnimations().length")
    picture = Image.open(io.BytesIO(tab.screenshot(full_page=True))).convert("RGB")
    tab.close()
    return picture


def shots(folder: Path) -> list[Image.Image]:
    """Return the page on a desk in the light, and on a phone in the dark."""
    noisy = folder / "noisy.png"
    images.write(add_noise(sample_picture()), noisy)
    server = subprocess.Popen(
        [sys.executable, "-c", RUN, "ui", "--no-browser"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    address = next(w for w in server.stderr.readline().split() if w.startswith("http"))
    program = os.environ.get("KERAS_DIP_CHROMIUM") or shutil.which("chromium")
    try:
        with sync_playwright() as playwright:
            # Nothing but our own page is opened.
            browser = playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-gpu"]
            )
            wide = shot(browser, address, noisy, WIDE, "light")
            phone = shot(browser, address, noisy, PHONE, "dark")
            browser.close()
    finally:
        server.terminate()
        server.wait()
    return [wide, phone]


def make() -> None:
    """Write live-page.webp beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        wide, phone = shots(Path(folder))
    phone = phone.resize(
        (phone.width * wide.height // phone.height, wide.height),
        Image.Resampling.LANCZOS,
    )
    together = Image.new("RGB", (wide.width + GAP + phone.width, wide.height), "white")
    together.paste(wide, (0, 0))
    together.paste(phone, (wide.width + GAP, 0))
    size = (round(together.width * SCALE), round(together.height * SCALE))
    reduced = together.resize(size, Image.Resampling.LANCZOS)
    reduced.save(Path(__file__).with_name("live-page.webp"), quality=82, method=6)


if __name__ == "__main__":
    make()
