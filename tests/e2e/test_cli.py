"""The installed command, from a picture file to a restored one and back from ONNX."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

from keras_dip.cli import main

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from keras_dip.cli import main; sys.exit(main())",
]


# Fitted in half the time of the skip network, where the picture does not matter.
QUICK = ("--network", "deep_decoder")

# Libraries that tests before these have loaded may have said how much is logged.
SHELL = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}


def keras_dip(*args, folder, **kwargs):
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        cwd=folder,
        env=SHELL,
        capture_output=True,
        timeout=300,
        **kwargs,
    )


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a noisy picture, its original, a small one and a holed one."""
    folder = tmp_path_factory.mktemp("pictures")
    clean = data.astronaut()[40:101, 180:251]  # odd on both sides
    noise = np.random.default_rng(0).normal(0, 25, clean.shape)
    Image.fromarray(clean).save(folder / "clean.png")
    noisy = np.clip(np.rint(clean + noise), 0, 255).astype("uint8")
    Image.fromarray(noisy).save(folder / "noisy.png")
    Image.fromarray(clean[:24, :20]).save(folder / "small.png")
    alpha = np.full(clean.shape[:2], 255, "uint8")
    alpha[20:26, 30:36] = 0
    Image.fromarray(np.dstack([clean, alpha])).save(folder / "holed.png")
    return folder


def test_denoise_regenerate_and_info(folder):
    done = keras_dip(
        "denoise", "noisy.png", "-o", "out.png", "--onnx", "out.onnx",
        "--report", "out.html", "--reference", "clean.png", "--steps", 60,
        folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert b"PSNR" in done.stderr and done.stdout == b""
    page = (folder / "out.html").read_text(encoding="utf-8")
    assert "keras-dip denoise -o out.png --onnx out.onnx --report out.html" in page
    assert '<a href="./out.onnx">' in page and page.count("data-step=") == 3

    done = keras_dip("regenerate", "out.onnx", "-o", "again.png", folder=folder)
    assert done.returncode == 0, done.stderr.decode()
    assert np.abs(pixels(folder / "again.png") - pixels(folder / "out.png")).max() <= 1

    done = keras_dip("info", "out.onnx", "--json", folder=folder)
    info = json.loads(done.stdout)
    assert info["task"] == "denoise" and info["steps"] == 60
    assert info["shape"] == [61, 71, 3]
    assert info["latent"] == {"kind": "picture+noise", "contains_picture": True}

    def error(name):
        difference = pixels(folder / name) - pixels(folder / "clean.png")
        return np.mean(np.square(difference))

    # 60 steps are few; even so half of the noise's energy has to be gone.
    assert error("out.png") < error("noisy.png") / 2


def test_super_resolve_from_stdin_to_stdout(folder):
    done = keras_dip(
        "super-resolve", "-", "--factor", 2, "-o", "-", "--steps", 2, "-q", *QUICK,
        folder=folder, input=(folder / "small.png").read_bytes(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    (folder / "large.png").write_bytes(done.stdout)
    assert pixels(folder / "large.png").shape == (48, 40, 3)
    assert done.stderr == b""


def test_inpaint_by_alpha_keeps_the_known_pixels(folder):
    done = keras_dip(
        "inpaint", "holed.png", "-o", "filled.png", "--steps", 3, *QUICK, folder=folder
    )
    assert done.returncode == 0, done.stderr.decode()
    filled, holed = pixels(folder / "filled.png"), pixels(folder / "holed.png")
    known = holed[..., 3] == 255
    assert filled.shape[-1] == 3
    np.testing.assert_array_equal(filled[known], holed[known, :3])


@pytest.mark.parametrize(
    ("sent", "ctrl_c"),
    [
        (signal.SIGINT, signal.SIG_DFL),
        # A job in the background of a script inherits an ignored Ctrl-C.
        (signal.SIGTERM, signal.SIG_IGN),
    ],
)
def test_ctrl_c_and_sigterm_write_the_best_picture_so_far(folder, sent, ctrl_c):
    args = ["denoise", "noisy.png", "-o", f"{sent}.png", "--steps", "1000000"]
    with subprocess.Popen(
        [*COMMAND, *args, *QUICK],
        cwd=folder,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, ctrl_c),
    ) as process:
        for line in process.stderr:
            if b"/1000000 " in line:  # the first steps are taken
                process.send_signal(sent)
                break
        message = process.stderr.read()
    assert process.returncode == 130, message.decode()
    assert pixels(folder / f"{sent}.png").shape == (61, 71, 3)
    assert b"interrupted at step" in message and b"Traceback" not in message


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["denoise", "missing.png", "-o", "x.png"], 1, "missing.png"),
        (["denoise", "noisy.png", "-o", "noisy.png", "--force"], 1, "noisy.png"),
        (["denoise", "noisy.png", "-o", "clean.png"], 1, "exist"),
        (["denoise", "noisy.png", "-o", "no/such/x.png"], 1, "no/such"),
        (["denoise", "noisy.png", "-o", "x.png", "--steps", "0"], 2, "--steps"),
        (["denoise", "noisy.png", "-o", "x.png", "--preset", "gold"], 2, "gold"),
        (["denoise", "noisy.png", "-o", "x.png", "--network", "gold"], 2, "gold"),
        (["super-resolve", "small.png", "-o", "x.png"], 2, "Missing option '--factor'"),
        (["super-resolve", "small.png", "-o", "x.png", "--factor", "1"], 2, "factor"),
        (["super-resolve", "small.png", "-o", "x.png", "--factor", "2.5"], 2, "2.5"),
        (["inpaint", "noisy.png", "-o", "x.png"], 2, "--mask"),
        (["inpaint", "noisy.png", "-o", "x.png", "--mask", "small.png"], 1, "20x24"),
        (["regenerate", "noisy.png", "-o", "x.png"], 1, "ONNX"),
    ],
)
def test_bad_input_gets_one_line_and_no_file(
    folder, args, code, words, monkeypatch, capsys
):
    monkeypatch.chdir(folder)
    assert main(args) == code
    message = capsys.readouterr().err
    assert words in message and "Traceback" not in message
    assert not (folder / "x.png").exists()
    if code == 1:
        assert len(message.strip().splitlines()) == 1


@pytest.mark.parametrize(("output", "code"), [("noisy.png", 1), ("x.png --steps 0", 2)])
def test_the_exit_status_is_that_of_the_process(folder, output, code):
    done = keras_dip("denoise", "noisy.png", "-o", *output.split(), folder=folder)
    assert done.returncode == code and b"Traceback" not in done.stderr
    assert done.stderr and done.stdout == b""
