import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from keras_dip import images
from keras_dip.cli import INTERRUPTED
from keras_dip.errors import ImageError

DEBLUR = ("deblur", "in.png", "-o", "out.png", "--motion", "5,30", "--seed", "3")
KEPT = ("--checkpoint", "kept", "--checkpoint-every", "7")


def one_line(text):
    return text.count("\n") == 1 and "Traceback" not in text


def test_nothing_is_left_of_a_run_that_came_to_its_end(cli, prior, picture, folder):
    picture()
    assert cli(*DEBLUR, *KEPT).code == 0
    assert prior.made[0].checkpoint.interval == 7
    assert sorted(path.name for path in folder.iterdir()) == ["in.png", "out.png"]


def test_files_of_the_user_stay(cli, prior, picture, folder):
    picture()
    (folder / "kept").mkdir()
    (folder / "kept" / "mine.txt").write_text("mine")
    assert cli(*DEBLUR, *KEPT).code == 0
    assert [path.name for path in (folder / "kept").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("ending", ["interrupt", "time limit"])
def test_what_was_cut_off_is_asked_again_from_anywhere(
    cli, prior, picture, folder, monkeypatch, ending
):
    picture()
    picture("psf.png", shape=(5, 5))
    given = ("--psf", "psf.png", "--steps", "40", *KEPT)
    prior.stopped_by = ending
    ran = cli("deblur", "in.png", "-o", "out.png", *given)
    assert ran.code == (INTERRUPTED if ending == "interrupt" else 0)
    assert ran.err.splitlines()[-1].endswith("to go on: keras-dip resume kept")

    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    (folder / "out.png").write_bytes(b"the best so far")
    prior.stopped_by = "steps"
    assert cli("resume", "../kept").code == 0

    first, second = prior.made
    assert first.settings == second.settings and second.settings["steps"] == 40
    np.testing.assert_array_equal(first.img, second.img)
    np.testing.assert_array_equal(first.task.psf, second.task.psf)
    assert (folder / "out.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder / "kept").exists()


def test_nothing_is_left_of_a_run_that_could_not_begin(cli, prior, picture, folder):
    picture()
    prior.error, prior.keeps_restoration = ValueError("no such picture"), False
    assert cli(*DEBLUR, *KEPT).code == 1
    assert not (folder / "kept").exists()


def test_a_crash_keeps_what_an_earlier_file_was(cli, prior, picture, folder):
    """A run that died has written nothing: what is there then is somebody's."""
    picture()
    (folder / "kept").mkdir()
    (folder / "kept" / "member-0.npz").write_bytes(b"its progress")
    prior.error, prior.keeps_restoration = RuntimeError("died"), False
    assert cli(*DEBLUR, *KEPT).code == 1
    (folder / "out.png").write_bytes(b"mine")
    prior.error = None
    ran = cli("resume", "kept")
    assert ran.code == 1 and one_line(ran.err) and "does not exist yet" in ran.err
    assert (folder / "out.png").read_bytes() == b"mine"


def test_the_folder_of_another_run_is_refused(cli, prior, picture, folder):
    picture()
    prior.stopped_by = "interrupt"
    cli(*DEBLUR, *KEPT)
    before = (folder / "kept" / "request.json").read_bytes()
    ran = cli("denoise", "in.png", "-o", "other.png", "--checkpoint", "kept")
    assert ran.code == 1 and "checkpoints of another run. Received: 'kept'" in ran.err
    assert len(prior.made) == 1
    assert (folder / "kept" / "request.json").read_bytes() == before


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"declaration": "paint"}'])
def test_what_is_no_such_folder_is_named(cli, folder, content):
    if content is not None:
        (folder / "kept").mkdir()
        (folder / "kept" / "request.json").write_bytes(content)
    ran = cli("resume", "kept")
    assert ran.code == 1 and one_line(ran.err) and "Received: 'kept'" in ran.err


def test_force_replaces_what_is_there_since(cli, prior, picture, folder):
    picture()
    (folder / "kept").mkdir()
    (folder / "kept" / "member-0.npz").write_bytes(b"its progress")
    prior.error, prior.keeps_restoration = RuntimeError("died"), False
    cli(*DEBLUR, *KEPT)
    (folder / "out.png").write_bytes(b"of another")
    prior.error = None
    assert cli("resume", "kept", "--force").code == 0
    assert (folder / "out.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_is_for_one_run_at_a_time(cli, prior, picture, monkeypatch):
    pytest.importorskip("fcntl")
    picture()
    fit, others = prior.fit, []

    def fit_while_another_begins(self, img, **given):
        others.append(cli("resume", "kept"))
        return fit(self, img, **given)

    monkeypatch.setattr(prior, "fit", fit_while_another_begins)
    assert cli(*DEBLUR, *KEPT).code == 0
    (other,) = others
    assert other.code == 1 and "Traceback" not in other.err
    assert "where no other run is at work. Received: 'kept'" in other.err


def test_what_a_killed_run_has_left_of_a_file_is_removed(cli, prior, picture, folder):
    picture()
    (folder / "kept").mkdir()
    (folder / "kept" / ".keras-dip-0123456789abcdef.tmp").write_bytes(b"half a fi")
    assert cli(*DEBLUR, *KEPT).code == 0
    assert not (folder / "kept").exists()


def test_a_folder_that_fills_up_costs_no_result(
    cli, prior, picture, folder, monkeypatch
):
    picture()
    write = images.atomic_write
    written = []

    def full(destination, write_to):
        if str(destination).endswith("request.json"):
            written.append(destination)
            if len(written) > 1:
                raise ImageError("No space left.")
        write(destination, write_to)

    monkeypatch.setattr(images, "atomic_write", full)
    ran = cli(*DEBLUR, *KEPT, "--onnx", "out.onnx")
    assert ran.code == 0, ran.err
    assert len(written) == 2
    assert sorted(p.name for p in folder.iterdir()) == ["in.png", "out.onnx", "out.png"]


def test_an_interval_needs_a_folder(cli, prior):
    ran = cli("denoise", "in.png", "-o", "out.png", "--checkpoint-every", "7")
    assert ran.code == 2 and "Expected --checkpoint DIR beside" in ran.err


def test_standard_input_cannot_be_read_again(cli, prior):
    ran = cli("denoise", "-", "-o", "out.png", "--checkpoint", "kept")
    assert ran.code == 2 and "Received: '-'" in ran.err


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_command_goes_on_to_the_same_picture(folder, picture):
    """The real thing, with a network of the defaults."""
    picture(shape=(32, 32, 3))
    code = "import sys; from keras_dip.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code]
    common = ("denoise", "in.png", "--steps", "75", "--sigma", "25", "--stop", "none")

    kept = ("-o", "out.png", "--checkpoint", "kept", "--checkpoint-every", "0")
    started = subprocess.Popen([*command, *common, *kept])
    while started.poll() is None and not (folder / "kept/member-0.npz").exists():
        os.sched_yield()
    started.kill()
    assert started.wait() == -signal.SIGKILL
    assert not (folder / "out.png").exists()
    assert json.loads((folder / "kept/request.json").read_bytes())["force"] is False

    assert any((folder / "kept").glob("member-0.npz"))
    # What goes on is another process; it then makes the whole, too.
    again = [["resume", "kept", "-v"], [*common, "-o", "whole.png"]]
    code = f"from keras_dip.cli import main; raise SystemExit(sum(map(main, {again})))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert (folder / "out.png").read_bytes() == (folder / "whole.png").read_bytes()
