"""keras-dip ui in a real browser: dropped, watched, stopped, compared, downloaded."""

import contextlib
import http.client
import importlib.util
import logging
import os
import re
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_dip.cli.ui.server import is_worth_telling
from keras_dip.onnx_io.regenerate import regenerate

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        importlib.util.find_spec("gradio") is None,
        reason="needs gradio (pip install 'keras_dip[ui]')",
    ),
]

MINUTE = 60_000  # milliseconds; for what takes seconds on a quiet machine
# What its canvas says in a browser without a GPU, and of itself.
OF_GRADIO = ("[.WebGL", "Method not implemented.", "    at ", "PixiJS Deprecation")
MOST_PIXELS = 20_000
RUN = "import sys; from keras_dip.cli import main; sys.exit(main(sys.argv[1:]))"


class Server:
    """The page's server in a process of its own, and what it said."""

    def __init__(self, folder, **environment):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        arguments = ["ui", "--no-browser", f"--port={self.port}"]
        arguments += [f"--max-pixels={MOST_PIXELS}"]
        self.log = folder / "server.log"
        self.address = f"http://127.0.0.1:{self.port}/"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, *arguments],
                stdout=log,
                stderr=subprocess.PIPE,
                text=True,
                cwd=folder,
                env={**os.environ, **environment},
            )
        self.first_line = self.process.stderr.readline()

    def end(self):
        """End it as Ctrl-C does; return its exit code and what else it said."""
        self.process.send_signal(signal.SIGTERM)
        try:
            _, errors = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Serve the page for all tests; in the end it has had no traceback to tell."""
    served = Server(tmp_path_factory.mktemp("server"))
    try:
        assert served.address in served.first_line
        yield served
    finally:
        code, errors = served.end()
    assert code == 0
    assert "Traceback" not in errors + served.log.read_text()


@pytest.fixture
def page(visit, server):
    """Open the page; in the end nothing left the machine, and nothing went wrong."""
    opened = []

    def open_page(**options):
        visited = visit(server.address, **options)
        visited.page.set_default_timeout(MINUTE)
        visited.page.locator("#kd-start").wait_for()
        opened.append(visited)
        return visited.page

    yield open_page
    for visited in opened:
        assert visited.requests
        for url in visited.requests:
            assert url.startswith(server.address), url
        assert [e for e in visited.errors if not e.startswith(OF_GRADIO)] == []


@pytest.fixture
def noisy(tmp_path, scene):
    path = tmp_path / "noisy.png"
    pixels = np.rint(scene(48, 64, 3, noise=0.1) * 255).astype("uint8")
    Image.fromarray(pixels).save(path)
    return path


def drop(page, path, shown="#kd-given img"):
    """Drop a file on the page and wait until it is shown."""
    page.set_input_files("#kd-source input[type=file]", path)
    page.locator(shown).first.wait_for()


def choose(page, task):
    page.locator("#kd-task input").click()
    page.get_by_role("option", name=task, exact=True).click()


def steps(page, count):
    field = page.locator("#kd-steps textarea, #kd-steps input")
    if not field.is_visible():
        page.get_by_text("Settings of the fit").click()
    field.fill(str(count))


def preview(page):
    """Return the address of the present picture, which holds all of it."""
    return page.locator("#kd-preview img").get_attribute("src")


def download(page, name, folder):
    """Press a download button; return the file that came of it."""
    with page.expect_download() as coming:
        page.locator(f"#kd-download-{name}").click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


def refusal(page):
    """Return the line in which the page says what is wrong, and put it away."""
    toast = page.locator(".toast-body")
    toast.wait_for()
    line = toast.inner_text()
    page.locator(".toast-close").click()
    toast.wait_for(state="detached")
    return line


def test_watch_stop_compare_and_download(page, noisy, tmp_path):
    page = page()
    drop(page, noisy)
    choose(page, "reconstruct")
    steps(page, 1_000_000)
    page.locator("#kd-start").click()
    page.locator("#kd-preview img").wait_for()
    first = preview(page)
    page.wait_for_function(
        "first => document.querySelector('#kd-preview img')?.src !== first", arg=first
    )
    page.locator("#kd-curves svg").first.wait_for()
    page.locator("#kd-stop").click()
    page.locator("#kd-download-onnx").wait_for()
    assert "was interrupted at step" in page.locator("#kd-status").inner_text()

    path = download(page, "picture", tmp_path)
    assert path.name == "noisy-restored.png"
    picture = np.asarray(Image.open(path)).astype(int)
    given = np.asarray(Image.open(noisy)).astype(int)
    assert picture.shape == given.shape
    # Half-way to the noisy picture: near it, and not it.
    assert 0 < np.abs(picture - given).mean() < 40
    again = regenerate(download(page, "onnx", tmp_path))
    assert np.abs(np.rint(again * 255) - picture).max() <= 1

    page.locator("#kd-download-report").wait_for()
    report = download(page, "report", tmp_path)
    assert "noisy.png" in report.read_text(encoding="utf-8")

    sides = page.locator("#kd-slider img")
    sides.last.wait_for()
    assert sides.count() >= 2
    assert page.locator("#kd-start").is_enabled()
    assert not page.locator("#kd-stop").is_enabled()


def test_what_is_painted_is_filled(page, noisy, tmp_path):
    page = page()
    choose(page, "inpaint")
    drop(page, noisy, "#kd-editor canvas")
    # The canvas is there before the picture is on it: its zoom tells.
    page.locator("#kd-editor").get_by_text(re.compile(r"\d+%")).wait_for()
    steps(page, 25)
    page.locator("#kd-editor canvas").first.scroll_into_view_if_needed()
    box = page.locator("#kd-editor canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 10, y)
    page.mouse.down()
    page.mouse.move(x + 10, y, steps=5)
    page.mouse.up()
    page.locator("#kd-start").click()
    page.locator("#kd-download-picture").wait_for()
    picture = np.asarray(Image.open(download(page, "picture", tmp_path)))
    changed = (picture != np.asarray(Image.open(noisy))).any(axis=-1)
    assert changed[20:28, 30:34].mean() > 0.9  # under the stroke
    assert not changed[:, :4].any() and not changed[:, -4:].any()


@pytest.fixture
def two(page, noisy):
    """Open two pages; the first fits, the second waits for its turn."""
    first, second = page(), page()
    for each in (first, second):
        drop(each, noisy)
        choose(each, "reconstruct")
        steps(each, 1_000_000)
    first.locator("#kd-start").click()
    first.locator("#kd-preview img").wait_for()
    second.locator("#kd-start").click()
    second.get_by_text("one fit comes first").wait_for()
    return first, second


def test_one_fit_at_a_time_and_who_leaves_gives_way(two):
    first, second = two
    assert second.locator("#kd-preview img").count() == 0
    first.close()
    second.locator("#kd-preview img").wait_for()
    second.locator("#kd-stop").click()
    second.locator("#kd-download-picture").wait_for()


def test_who_waits_can_stop_at_once(two):
    first, second = two
    second.locator("#kd-stop").click()
    second.get_by_text("Stopped before the first step").first.wait_for()
    second.wait_for_function("!document.querySelector('#kd-start').disabled")
    assert first.locator("#kd-stop").is_enabled()  # its fit goes on
    first.locator("#kd-stop").click()
    first.locator("#kd-download-picture").wait_for()


GIVE = """([name, content, kind]) => {
    const given = new DataTransfer();
    given.items.add(new File([new Uint8Array(content)], name, { type: "image/png" }));
    const about = { bubbles: true, cancelable: true };
    document.body.dispatchEvent(kind === "paste"
        ? new ClipboardEvent("paste", { ...about, clipboardData: given })
        : new DragEvent("drop", { ...about, dataTransfer: given }));
}"""


# A promise would count as true before it is kept: the picture may have to come first.
SHOWS = """grey => {
    const image = document.querySelector("#kd-given img");
    if (!image?.complete) return false;
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return Math.abs(canvas.getImageData(0, 0, 1, 1).data[0] - grey) < 3;
}"""


def test_a_picture_can_be_pasted_and_another_dropped_beside_it(page, tmp_path):
    page = page()
    for name, grey, kind in (("dark.png", 40, "paste"), ("light.png", 200, "drop")):
        path = tmp_path / name
        Image.new("L", (32, 24), grey).save(path)
        page.evaluate(GIVE, [name, list(path.read_bytes()), kind])
        page.locator("#kd-source").get_by_text(path.stem).wait_for()
        page.wait_for_function(SHOWS, arg=grey)


def test_wrong_input_is_one_line(page, noisy, tmp_path):
    page = page()
    page.locator("#kd-start").click()
    assert "Expected a picture. Received: none" in refusal(page)

    rubbish = tmp_path / "rubbish.png"
    rubbish.write_bytes(b"no picture")
    page.set_input_files("#kd-source input[type=file]", rubbish)
    line = refusal(page)
    assert "rubbish.png" in line and "Traceback" not in line
    page.locator("#kd-source button[aria-label=Clear]").click()

    huge = tmp_path / "huge.png"
    Image.new("L", (200, 101)).save(huge)
    page.set_input_files("#kd-source input[type=file]", huge)
    assert f"at most {MOST_PIXELS} pixels" in refusal(page)
    page.locator("#kd-source button[aria-label=Clear]").click()

    drop(page, noisy)
    choose(page, "super-resolve")
    page.locator("#kd-start").click()
    assert "Factor: Expected a value" in refusal(page)
    assert page.locator("#kd-start").is_enabled()


def test_every_task_shows_its_options(page):
    page = page()
    choose(page, "flash")
    page.locator("#kd-options-flash").get_by_text("Flash (needed)").wait_for()
    choose(page, "super-resolve")
    page.locator("#kd-options-super-resolve").get_by_text("Factor (needed)").wait_for()
    assert not page.locator("#kd-options-flash").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_scrolling_sideways(page, noisy, scheme):
    page = page(width=390, height=844, scheme=scheme)
    choose(page, "inpaint")
    drop(page, noisy, "#kd-editor canvas")
    page.locator("#kd-editor").get_by_text(re.compile(r"\d+%")).wait_for()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_the_server_is_for_this_machine_alone(server):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as to:
        to.request("GET", "/", headers={"Host": "elsewhere.example"})
        assert to.getresponse().status == 400
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as to:
        to.request("GET", "/")
        page = to.getresponse().read().decode()
    assert "fonts.googleapis.com/css" not in page
    others = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None)}
    for address in others - {"127.0.0.1"}:
        with pytest.raises(OSError):
            socket.create_connection((address, server.port), timeout=5).close()


def test_only_what_was_uploaded_or_made_is_served(server):
    for path in (server.log, server.log.name, "/etc/hostname"):
        to = http.client.HTTPConnection("127.0.0.1", server.port)
        with contextlib.closing(to):
            to.request("GET", f"/gradio_api/file={path}")
            assert to.getresponse().status == 403


def test_a_page_that_is_closed_while_it_uploads_is_no_news():
    from starlette.requests import ClientDisconnect

    def told(error):
        about = (type(error), error, None)
        return is_worth_telling(
            logging.LogRecord("", logging.ERROR, "", 0, "", (), about)
        )

    assert not told(ClientDisconnect())
    assert told(OSError())


def test_the_end_of_the_server_ends_a_fit_and_leaves_nothing(visit, noisy, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ending = Server(tmp_path, TMPDIR=str(temporary))
    try:
        page = visit(ending.address).page
        drop(page, noisy)
        choose(page, "reconstruct")
        steps(page, 1_000_000)
        page.locator("#kd-start").click()
        page.locator("#kd-preview img").wait_for()
        assert list(temporary.glob("keras-dip-ui-*"))
    finally:
        code, errors = ending.end()
    assert (code, "Traceback" in errors) == (0, False), errors
    assert list(temporary.glob("keras-dip-ui-*")) == []
