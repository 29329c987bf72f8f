"""The page that opens ONNX files, in a real browser: the proof that they are portable.

npm brings the page's runtime.
"""

import functools
import http.server
import importlib.util
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_dip.onnx_io.regenerate import info, regenerate

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "browser"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PAGE.exists(), reason="needs the source tree"),
]


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, without a line for each file."""

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def address():
    """Serve the page with its runtime on this machine alone; return its address."""
    vendor = _load(PAGE / "vendor.py")
    try:
        vendor.fetch()
    except vendor.Unavailable as error:
        pytest.skip(f"needs the runtime of the page: {error}")
    handler = functools.partial(_Quiet, directory=PAGE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(chromium, address):
    """The page, ready; nothing may leave this machine, nothing may be complained of."""
    asked, complaints = [], []
    page = chromium.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(address)
    page.wait_for_selector("#status.ready, #status.error")
    assert page.inner_text("#status") == "Ready."
    yield page
    page.close()
    assert address in asked
    own = (address, f"blob:{address}", "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert complaints == []


@pytest.fixture
def opened(page):
    """Open a file on the page; return the line that says what came of it."""

    def opened(path):
        page.set_input_files("#file", path)
        page.wait_for_selector("#status.done, #status.error")
        return page.inner_text("#status")

    return opened


@pytest.fixture(scope="module")
def tiny():
    return _load(ROOT / "tests" / "onnx_io" / "tiny.py")


@pytest.fixture(scope="module")
def restoration(scene, small_skip):
    from keras_dip import DeepImagePrior

    noisy = scene(44, 62, 3, noise=0.1)
    return DeepImagePrior(network=small_skip, steps=25).fit(noisy)


def _saved(page, folder):
    """Press the button; return the pixels of the file that the browser saves."""
    with page.expect_download() as waiting:
        page.click("#save")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("half", [False, True])
def test_the_browser_makes_the_picture_that_python_makes(
    half, restoration, opened, page, tmp_path
):
    path = tmp_path / "clean.onnx"
    restoration.export(path, half=half)
    assert opened(path).startswith("clean.onnx: computed here")
    pixels = _saved(page, tmp_path)
    expected = np.rint(regenerate(path) * 255)
    assert (tmp_path / "clean.png").exists()
    assert pixels.shape == (44, 62, 4)
    assert np.abs(pixels[..., :3] - expected).max() <= 1
    assert (pixels[..., 3] == 255).all()
    assert expected.std() > 10  # a picture, not one flat colour
    facts = page.inner_text("#facts")
    assert "62 x 44, colour" in facts
    assert "contains the degraded picture" in facts


def test_grey_and_tiles(scene, small_skip, opened, page, tmp_path):
    from keras_dip import DeepImagePrior

    noisy = scene(16, 136, noise=0.1)
    prior = DeepImagePrior(network=small_skip, steps=1, tile=128, tile_overlap=16)
    prior.fit(noisy).export(tmp_path / "grey.onnx")
    assert info(tmp_path / "grey.onnx")["settings"]["tiles"]
    assert "computed here" in opened(tmp_path / "grey.onnx")
    pixels = _saved(page, tmp_path)
    expected = np.rint(regenerate(tmp_path / "grey.onnx") * 255)
    assert np.abs(pixels[..., :3] - expected[..., None]).max() <= 1
    facts = page.inner_text("#facts")
    assert "136 x 16, grey" in facts and "2 steps of all tiles, step 1 kept" in facts


def test_the_steps_of_members_are_told_as_those_of_all(tiny, opened, page, tmp_path):
    for members, words in ((1, ""), (3, " of 3 members")):
        path = tmp_path / f"{members}.onnx"
        opened(tiny.write(path, settings={"members": members}))
        expected = f"120 steps{words}, step 100 kept, seed 3"
        page.get_by_text(expected, exact=True).wait_for()


def test_known_values(tiny, opened, page, tmp_path):
    codes = np.arange(24, dtype="uint8").reshape(1, 4, 2, 3) * 11
    opened(tiny.write(tmp_path / "known.onnx", codes))
    assert (_saved(page, tmp_path)[..., :3] == codes[0]).all()


def _text(path, tiny):
    path.write_text("no model at all")


def _empty(path, tiny):
    path.write_bytes(b"")


def _cut_off(path, tiny):
    tiny.write(path)
    path.write_bytes(path.read_bytes()[:-20])


def _of_another_program(path, tiny):
    tiny.write(path, texts={"author": "somebody"})


def _newer(path, tiny):
    tiny.write(path, texts={"keras_dip.format_version": "2"})


def _six_bands(path, tiny):
    tiny.write(path, np.zeros((1, 4, 5, 6), "uint8"))


def _of_another_size(path, tiny):
    tiny.write(path, shape=[4, 6, 3])


def _of_another_output(path, tiny):
    tiny.write(path, output="tensor")


def _of_no_size(path, tiny):
    tiny.write(path, shape=[0, 5, 3])


def _huge(path, tiny):
    tiny.write(path, shape=[100_000, 100_000, 3])


def _no_json(path, tiny):
    tiny.write(path, texts={"keras_dip.format_version": "1", "keras_dip.shape": "["})


def _table(path, tiny):
    tiny.write(path, output="tiles")


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (_text, "This is not an ONNX file, or it is damaged."),
        (_empty, "This file was not written by keras_dip."),
        (_cut_off, "This is not an ONNX file, or it is damaged."),
        (_of_another_program, "This file was not written by keras_dip."),
        (_newer, "This file has format 2; this page reads format 1."),
        (_six_bands, "A picture of 6 channels cannot be drawn, only 1 or 3."),
        (_of_another_size, "This file makes [1,4,5,3], but says [1,4,6,3]."),
        (_of_another_output, "This file does not give a picture by itself."),
        (
            _of_no_size,
            "The metadata of this file do not say how large the picture is.",
        ),
        (_huge, "A picture of 100000 x 100000 pixels is too large."),
        (_no_json, "The metadata of this file are damaged (shape)."),
        (
            _table,
            "The tiles of this picture are files of their own: use keras-dip "
            "regenerate.",
        ),
    ],
)
def test_other_files_give_one_clear_line(write, line, tiny, opened, page, tmp_path):
    write(tmp_path / "bad.onnx", tiny)
    assert opened(tmp_path / "bad.onnx") == f"bad.onnx: {line}"
    assert page.is_hidden("#result")


def test_after_a_bad_file_a_good_one_still_works(tiny, opened, page, tmp_path):
    _text(tmp_path / "bad.onnx", tiny)
    opened(tmp_path / "bad.onnx")
    assert "computed here" in opened(tiny.write(tmp_path / "good.onnx"))
    assert page.is_visible("#picture")


def test_a_file_can_be_dropped(tiny, page, tmp_path):
    content = list(tiny.write(tmp_path / "tiny.onnx").read_bytes())
    transfer = page.evaluate_handle(
        """content => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(content)], "dropped.onnx"));
            return transfer;
        }""",
        content,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    page.wait_for_selector("#status.done")
    assert page.inner_text("#status").startswith("dropped.onnx: computed here")
